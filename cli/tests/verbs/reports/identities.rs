//! Who signed, in a report: several signers, and names that a certificate brings.

use roxmltree::Document;

use super::browser::Browser;
use super::hostile;
use crate::bench::Bench;
use crate::certified::{SIGN, certified_for};

/// A URI that a certificate can hold, and that an authority may not have looked at.
const WHO: &str = "https://e.test/</title><script>alert(5)</script>&](x)|{0}\u{1b}[2J";
const SHOWN: &str = r"https://e.test/</title><script>alert(5)</script>&](x)|{0}\u{1b}[2J";

#[test]
fn a_hostile_identity_stays_text() {
    let bench = certified_for(WHO);
    bench.good(SIGN);
    let accepted = "verify MODEL --ca ca.pem --any-identity-danger";
    let refused = "verify MODEL --ca ca.pem --identity https://e.test/";
    for (line, exit) in [(accepted, 0), (refused, 5)] {
        for format in ["junit", "sarif", "markdown"] {
            let said = bench.run(&format!("{line} --format {format} --report page.html --force"));
            assert_eq!(said.exit, Some(exit), "{said:?}");
            hostile::is_visible(&said.stdout);
            hostile::is_visible(&said.stderr);
        }
        let said = bench.run(&format!("{line} --format junit"));
        let document = Document::parse(&said.stdout).unwrap();
        let texts = document
            .descendants()
            .flat_map(|node| node.attributes().map(|it| it.value()).chain(node.text()).collect::<Vec<_>>());
        assert!(texts.into_iter().any(|text| text.contains(SHOWN)), "{}", said.stdout);
        let page = String::from_utf8(bench.read("page.html")).unwrap();
        hostile::is_visible(&page);
        assert!(page.contains("&#60;script&#62;alert(5)") && !page.contains("<script"), "{page}");
        if let Some(browser) = Browser::find() {
            let dom = browser.dom(&bench.path("page.html"));
            assert!(dom.contains("&lt;script&gt;alert(5)") && !dom.contains("<script"), "{dom}");
        }
    }
}

#[test]
fn everybody_who_was_counted_is_named() {
    let bench = Bench::with_signed_model();
    bench.key("second");
    bench.good("sign MODEL --key second.key --name org/mini-lm --version 1.0.0 --append");
    let said = bench
        .good("verify MODEL --key k.pub --key second.pub --signers 2 --format markdown --report page.html");
    assert_eq!(said.stdout.matches("- Signed by: `").count(), 2, "{said:?}");
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    for said in ["<span>Signers</span>", "<h3><bdi>k.pub</bdi></h3>", "<h3><bdi>second.pub</bdi></h3>"] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
}
