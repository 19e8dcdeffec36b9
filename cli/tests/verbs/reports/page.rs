//! The page, in a browser.

use std::collections::BTreeMap;

use super::browser::{Browser, Scheme};
use super::{hostile, tampered};
use crate::bench::Bench;

/// The tags of a document that a browser wrote out, each with its attributes, and how often it stands there. Style sheets have
/// none, and a time differs from run to run.
fn tags(dom: &str) -> BTreeMap<String, usize> {
    let (before, rest) = dom.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let mut tags = BTreeMap::new();
    for piece in [before, after].iter().flat_map(|part| part.split('<').skip(1)) {
        let tag = piece.split('>').next().unwrap();
        let tag = if tag.starts_with("time ") { "time" } else { tag };
        *tags.entry(tag.to_owned()).or_default() += 1;
    }
    tags
}

/// What is to be read, without tags.
fn text(dom: &str) -> String {
    let (_, body) = dom.split_once("<body>").unwrap();
    let pieces = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text: String = pieces.collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

fn page(bench: &Bench, exit: i32) -> std::path::PathBuf {
    let said = bench.run("verify MODEL --key k.pub --report page.html --force");
    assert_eq!(said.exit, Some(exit), "{said:?}");
    bench.path("page.html")
}

#[test]
fn hostile_names_add_no_element_and_no_attribute() {
    let Some(browser) = Browser::find() else { return };
    let (hostile, harmless) = (hostile::signed(), hostile::harmless());
    let digits: Vec<_> = (0..hostile::FILES.len()).map(|at| at.to_string()).collect();
    let digits: Vec<_> = digits.iter().map(String::as_str).collect();
    for exit in [0, 1] {
        let said = hostile::verify(&hostile, &["--report", "page.html", "--force"]);
        assert_eq!(said.exit, Some(exit), "{said:?}");
        let said = harmless.args(["verify", "M", "--key", "k.pub", "--report", "page.html", "--force"]);
        assert_eq!(said.exit, Some(exit), "{said:?}");
        hostile::is_visible(&String::from_utf8(hostile.read("page.html")).unwrap());
        let dom = browser.dom(&hostile.path("page.html"));
        assert_eq!(tags(&dom), tags(&browser.dom(&harmless.path("page.html"))), "{dom}");
        assert!(!dom.contains("<script"), "{dom}");
        let text = text(&dom);
        for shown in hostile::SHOWN {
            assert!(text.contains(shown), "{shown} is not in\n{text}");
        }
        hostile::is_visible(&text);
        let title = dom.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        let word = if exit == 0 { "Verified" } else { "Refused" };
        let title = title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        assert_eq!(title, format!("{word}: {} 1", hostile::SHOWN[0]));
        hostile::spoil(&hostile, hostile::MODEL, &hostile::FILES);
        hostile::spoil(&harmless, "M", &digits);
    }
}

#[test]
fn a_page_needs_nothing_and_can_be_found_one_s_way_in() {
    let Some(browser) = Browser::find() else { return };
    for (bench, exit) in [(Bench::with_signed_model(), 0), (tampered(), 1)] {
        let dom = browser.dom(&page(&bench, exit));
        let tags = tags(&dom);
        let names = |name: &str| {
            let is = |tag: &str| tag.split_whitespace().next() == Some(name);
            tags.iter().filter(|(tag, _)| is(tag)).map(|(_, count)| count).sum::<usize>()
        };
        for once in ["header", "main", "footer", "h1", "title", "html"] {
            assert_eq!(names(once), 1, "{once}");
        }
        for never in ["script", "link", "img", "iframe", "form", "base", "object", "a"] {
            assert_eq!(names(never), 0, "{never}");
        }
        let policy =
            "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"";
        assert!(tags.keys().any(|tag| tag.ends_with(policy)), "{dom}");
        assert!(tags.contains_key("html lang=\"en\""), "{dom}");
        // Every section is named by its heading, and every picture is left out for who does not see it.
        for tag in tags.keys().filter(|tag| tag.starts_with("section")) {
            let id = tag.split_once("aria-labelledby=\"").unwrap().1.trim_end_matches('"');
            assert_eq!(tags.get(&format!("h2 id=\"{id}\"")), Some(&1), "{tag}");
        }
        assert!(
            tags.keys().filter(|tag| tag.starts_with("svg")).all(|tag| tag.contains("aria-hidden=\"true\""))
        );
        for loads in ["src=", "href=", "url(", "@import", "style=", "on"] {
            assert!(tags.keys().all(|tag| !tag.contains(&format!(" {loads}"))), "{loads}");
        }
    }
}

#[test]
fn a_failed_page_says_why_and_what_held() {
    let Some(browser) = Browser::find() else { return };
    let text = text(&browser.dom(&page(&tampered(), 1)));
    for said in [
        "Refused: org/mini-lm 1.0.0",
        "E-FILE-MISSING",
        "Exit code 1: the content differs",
        "do not use this model",
        "What differs (2)",
        "notes.txt",
        "5 of 6 checks passed",
        "lacre verify MODEL --key k.pub",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(!text.contains("Proven files"), "{text}");
}

#[test]
fn a_page_is_drawn_light_and_dark_wide_and_narrow() {
    let Some(browser) = Browser::find() else { return };
    for (bench, exit) in [(hostile::signed(), 0), (tampered(), 1)] {
        let page = if exit == 0 {
            let said = hostile::verify(&bench, &["--report", "page.html"]);
            assert_eq!(said.exit, Some(0), "{said:?}");
            bench.path("page.html")
        } else {
            page(&bench, exit)
        };
        for size in [(1100, 900), (390, 900)] {
            let light = browser.picture(&page, size, Scheme::Light);
            let dark = browser.picture(&page, size, Scheme::Dark);
            assert_eq!((light.size, dark.size), (size, size));
            assert!(light.corner.iter().all(|colour| *colour > 0xe0), "{:?}", light.corner);
            assert!(dark.corner.iter().all(|colour| *colour < 0x30), "{:?}", dark.corner);
            // Something is drawn, and nothing reaches over the edge, where a narrow window would cut it off.
            for picture in [&light, &dark] {
                assert!(
                    picture.lines.iter().any(|line| line[..] != picture.lines[0][..]),
                    "nothing is drawn"
                );
                assert_eq!(picture.right_edge(), [picture.corner]);
            }
        }
    }
}

#[test]
fn a_page_can_be_printed() {
    let Some(browser) = Browser::find() else { return };
    let bench = hostile::signed();
    let said = hostile::verify(&bench, &["--report", "page.html"]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    let pdf = browser.print(&bench.path("page.html"));
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 10_000, "{} bytes", pdf.len());
    // What runs or opens something in a PDF.
    for acts in [b"/JavaScript".as_slice(), b"/Launch", b"/URI"] {
        assert!(!pdf.windows(acts.len()).any(|window| window == acts), "{}", String::from_utf8_lossy(acts));
    }
}

#[test]
fn lists_are_bounded_and_say_how_much_more_there_is() {
    let bench = Bench::new();
    bench.key("k");
    for number in 0..620 {
        bench.write(format!("MODEL/{number:04}"), b"x");
    }
    bench.good("sign MODEL --key k.key --name m");
    bench.good("verify MODEL --key k.pub --report page.html");
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    assert!(page.contains("620 files, each as signed") && page.contains("… and 120 more files"), "{page}");
    assert!(page.contains("<code>0499</code>") && !page.contains("<code>0500</code>"));
    // Folded: a long list does not hide the verdict.
    assert!(page.contains("<details>\n") && !page.contains("<details open"));
}

#[test]
fn a_very_long_name_is_there_and_the_verdict_before_it() {
    let Some(browser) = Browser::find() else { return };
    let bench = Bench::new();
    bench.key("k");
    let name = "w".repeat(4096);
    let path = vec!["y".repeat(250); 12].join("/");
    bench.write(format!("MODEL/{path}"), b"x");
    bench.good(&format!("sign MODEL --key k.key --name {name}"));
    for exit in [0, 1] {
        let page = page(&bench, exit);
        let text = text(&browser.dom(&page));
        let word = if exit == 0 { "Verified" } else { "Refused" };
        assert!(text.contains(&format!("\n{word}: {name}\n")) && text.contains(&path), "{text}");
        // It is broken into lines: the page is no wider than the window, and its edge is background.
        let narrow = browser.picture(&page, (390, 900), Scheme::Light);
        assert_eq!(narrow.right_edge(), [narrow.corner], "something reaches over the edge");
        bench.write(format!("MODEL/{path}"), b"z");
    }
}
