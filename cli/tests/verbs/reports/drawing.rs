//! Draws `docs/report.png`: run by hand, when the page has changed.
//!
//! ```text
//! cargo nextest run -p lacre --test verbs --run-ignored only draw_the_page
//! ```
//!
//! The key is the committed one, and the time is set to a day in the page: the same browser with the same fonts draws the same
//! bytes again.

use lacre_testkit::{noise, places};

use super::browser::{Browser, Scheme};
use crate::bench::Bench;

const SIZE: (u32, u32) = (1000, 1095);
const MOST_BYTES: usize = 200_000;

#[test]
#[ignore = "writes into the checkout"]
fn draw_the_page() {
    let Some(browser) = Browser::find() else { return };
    let bench = Bench::new();
    for half in ["key", "pub"] {
        let from = places::checkout().join("testdata/keys").join(format!("release.{half}"));
        bench.write(format!("release.{half}"), &std::fs::read(from).unwrap());
    }
    bench.write("mini-lm/config.json", b"{\"hidden_size\": 384}\n");
    bench.write("mini-lm/model-00001-of-00002.safetensors", &noise(1, 600_000));
    bench.write("mini-lm/model-00002-of-00002.safetensors", &noise(2, 400_000));
    bench.write("mini-lm/tokenizer.json", b"{}\n");
    let channel = "oci:store:stable";
    for line in [
        "sign mini-lm --key release.key --name org/mini-lm --version 2.3.0",
        "push mini-lm oci:store:v2",
        "channel init oci:store:stable --model org/mini-lm --channel stable --keys keys --no-passphrase",
        "channel publish oci:store:stable 2.3.0 --artifact oci:store:v2 --keys keys",
        "channel trust oci:store:stable --channel-root keys/root.json --state state",
    ] {
        bench.good(line);
    }
    bench.good(&format!(
        "verify mini-lm --key release.pub --expect-name org/mini-lm --channel {channel} --state state --report page.html"
    ));
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    let time = page.split_once("datetime=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    bench.write("page.html", page.replace(&time, "2026-05-04T09:30:00Z").as_bytes());
    let png = browser.png(&bench.path("page.html"), SIZE, Scheme::Light);
    assert!(png.len() < MOST_BYTES, "{} bytes", png.len());
    std::fs::write(places::checkout().join("docs/report.png"), png).unwrap();
}
