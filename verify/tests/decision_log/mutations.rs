//! Against a checkpoint that is held elsewhere, no change of a log passes; without one, the documented ones do.

use std::collections::BTreeSet;

use lacre_hash::Sha256Digest;
use lacre_verify::decision::check_log_text;

use crate::desk::{Desk, code};

/// The lines of a log, each with its line feed.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn every_byte_counts() {
    let desk = Desk::with(3);
    let held = [desk.checkpoint()];
    let good = desk.read("");
    let account = desk.check(&held).unwrap();
    assert_eq!((account.lines, account.covered, account.decisions, account.files), (4, 4, 3, 1));
    let last = good.len() - lines(&good).last().unwrap().len();
    let mut seen = BTreeSet::new();
    for at in 0..good.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            desk.write(&bad);
            let said = code(&desk.check(&held));
            let possible: &[&str] = if at + 1 == good.len() {
                &["E-LOG-TORN"]
            } else if at >= last {
                &["E-LOG-LINE", "E-LOG-CHAIN", "E-LOG-REWRITTEN"]
            } else {
                &["E-LOG-LINE", "E-LOG-CHAIN", "E-LOG-OTHER"]
            };
            assert!(possible.contains(&said), "byte {at} ^ {bit:#x}: {said}");
            seen.insert(said);
        }
    }
    let all = ["E-LOG-CHAIN", "E-LOG-LINE", "E-LOG-OTHER", "E-LOG-REWRITTEN", "E-LOG-TORN"];
    assert_eq!(seen, all.into_iter().collect());
}

#[test]
fn every_length_counts() {
    let desk = Desk::with(3);
    let held = [desk.checkpoint()];
    let good = desk.read("");
    for length in 0..good.len() {
        desk.write(&good[..length]);
        let whole = length == 0 || good[length - 1] == b'\n';
        let expected = if whole { "E-LOG-TRUNCATED" } else { "E-LOG-TORN" };
        assert_eq!(code(&desk.check(&held)), expected, "{length}");
    }
}

#[test]
fn every_line_has_its_place() {
    let desk = Desk::with(5);
    let held = [desk.checkpoint()];
    let good = lines(&desk.read(""));
    let count = good.len();
    let refused = |lines: &[Vec<u8>], expected: &str, what: &str| {
        desk.write(&lines.concat());
        assert_eq!(code(&desk.check(&held)), expected, "{what}");
    };
    for one in 0..count {
        let mut without = good.clone();
        without.remove(one);
        let expected = if one + 1 == count { "E-LOG-TRUNCATED" } else { "E-LOG-CHAIN" };
        refused(&without, expected, &format!("without {one}"));
        for other in 0..count {
            if one < other {
                let mut swapped = good.clone();
                swapped.swap(one, other);
                refused(&swapped, "E-LOG-CHAIN", &format!("{one} and {other} swapped"));
            }
            let mut twice = good.clone();
            twice.insert(other, good[one].clone());
            refused(&twice, "E-LOG-CHAIN", &format!("{one} again before {other}"));
            if one != other {
                let mut replaced = good.clone();
                replaced[other] = good[one].clone();
                refused(&replaced, "E-LOG-CHAIN", &format!("{one} in the place of {other}"));
            }
        }
    }
    for text in ["\n", "{}\n", "a line\n", "\0\0\0\n"] {
        for before in 0..=count {
            let mut more = good.clone();
            more.insert(before, text.as_bytes().to_vec());
            refused(&more, "E-LOG-LINE", &format!("{text:?} before {before}"));
        }
    }
}

/// A forger who can write, and knows how lines are made: without the key the checkpoint stays what it is.
#[test]
fn a_log_that_is_written_anew_is_not_the_one_that_was_signed() {
    let desk = Desk::with(3);
    let held = [desk.checkpoint()];
    let first = lines(&desk.read(""))[0].clone();
    desk.write(&first);
    desk.append(1..4);
    assert_eq!(code(&desk.check(&[])), "ok", "the chain alone says nothing of it");
    assert_eq!(code(&desk.check(&held)), "E-LOG-REWRITTEN");
    std::fs::remove_file(desk.path("")).unwrap();
    desk.append(0..3);
    assert_eq!(code(&desk.check(&held)), "E-LOG-OTHER");
}

/// The same lines with every digest made anew, as whoever can write would do it.
fn relinked(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut text: Vec<u8> = Vec::new();
    let mut before = "0".repeat(64);
    for line in lines {
        let mut value: serde_json::Value = serde_json::from_slice(line).unwrap();
        value["previous"] = before.into();
        let mut line = serde_json::to_vec(&value).unwrap();
        line.push(b'\n');
        before = Sha256Digest::of(&line).to_string();
        text.extend(line);
    }
    text
}

/// Digests that fit are not enough: a line has a number, a log, and a place in a file.
#[test]
fn a_chain_that_is_made_anew_must_still_be_one() {
    let desk = Desk::with(3);
    let good = lines(&desk.read(""));
    let said =
        |text: &[u8]| check_log_text(text, &mut |_| {}).map_or_else(|problem| problem.code(), |_| "ok");
    assert_eq!(said(&relinked(&good)), "ok", "the forgery itself is good");
    let edited = |at: usize, name: &str, value: serde_json::Value| {
        let mut lines = good.clone();
        let mut line: serde_json::Value = serde_json::from_slice(&lines[at]).unwrap();
        line[name] = value;
        lines[at] = serde_json::to_vec(&line).unwrap();
        relinked(&lines)
    };
    for (at, name, value) in [
        (2, "index", 1.into()),
        (2, "index", 3.into()),
        (3, "index", u64::MAX.into()),
        (0, "index", 1.into()),
        (2, "log", "0".repeat(32).into()),
        (0, "log", "0".repeat(32).into()),
    ] {
        assert_eq!(said(&edited(at, name, value)), "E-LOG-CHAIN", "{at} {name}");
    }
    assert_eq!(said(&edited(0, "file", 2.into())), "E-LOG-LINE");
    assert_eq!(said(&relinked(&good[1..])), "E-LOG-CHAIN", "without its first line");
    let twice = [&good[..2], &good[..1], &good[2..]].concat();
    assert_eq!(said(&relinked(&twice)), "E-LOG-CHAIN", "a second beginning");
    // The number of a file that was refused becomes another one, and nothing else changes.
    let changed = String::from_utf8(good.concat()).unwrap().replacen("number 1 is not", "number 9 is not", 1);
    assert_eq!(said(changed.as_bytes()), "E-LOG-CHAIN", "by the digest alone");
    let mut first = good.clone();
    first[0] = String::from_utf8(first[0].clone()).unwrap().replace("0000", "1111").into_bytes();
    assert_eq!(said(&first.concat()), "E-LOG-CHAIN", "something before the first line");
}

#[test]
fn what_comes_behind_a_checkpoint_is_held_together_by_the_chain() {
    let desk = Desk::with(2);
    let held = [desk.checkpoint()];
    desk.append(2..5);
    let account = desk.check(&held).unwrap();
    assert_eq!((account.lines, account.covered), (6, 3));
    let good = lines(&desk.read(""));
    desk.write(&good[..2].concat());
    assert_eq!(code(&desk.check(&held)), "E-LOG-TRUNCATED");
    desk.write(&[&good[..4], &good[5..]].concat().concat());
    assert_eq!(code(&desk.check(&held)), "E-LOG-CHAIN");
}

/// What is documented: nothing but a checkpoint shows that lines at the end are gone.
#[test]
fn without_a_checkpoint_a_missing_end_is_not_seen() {
    let desk = Desk::with(4);
    let good = lines(&desk.read(""));
    for kept in 1..good.len() {
        desk.write(&good[..kept].concat());
        assert_eq!(desk.check(&[]).unwrap().lines, kept as u64);
    }
}

#[test]
fn a_line_is_bounded() {
    let desk = Desk::with(1);
    let mut text = desk.read("");
    text.extend(vec![b' '; (1 << 20) + 1]);
    assert_eq!(check_log_text(&text, &mut |_| {}).unwrap_err().code(), "E-LOG-LINE");
    text.push(b'\n');
    assert_eq!(check_log_text(&text, &mut |_| {}).unwrap_err().code(), "E-LOG-LINE");
    desk.write(&text);
    assert_eq!(code(&desk.open()), "E-LOG-LINE");
}
