//! A line that is not whole: refused, and repaired only by a step that is recorded.

use std::fs;
use std::os::unix::fs::symlink;

use lacre_hash::Sha256Digest;
use lacre_verify::decision::{EntryKind, Reach, Reason, check_log, repair_log};
use serde_json::Value;

use crate::desk::{Desk, code, decision, later};

/// Wherever a process or a machine stops while it appends: the next one notices, and what is repaired says what was lost.
#[test]
fn every_interrupted_append_is_noticed_and_repaired_on_the_record() {
    let desk = Desk::with(2);
    let whole = desk.read("");
    desk.append(2..3);
    let longer = desk.read("");
    let held = {
        desk.write(&whole);
        desk.checkpoint()
    };
    for length in whole.len() + 1..longer.len() {
        desk.write(&longer[..length]);
        assert_eq!(code(&desk.open()), "E-LOG-TORN", "{length}");
        assert_eq!(code(&desk.check(&[])), "E-LOG-TORN");
        let repaired = repair_log(&desk.path(""), later(50)).unwrap().unwrap();
        let lost = &longer[whole.len()..length];
        assert_eq!((repaired.index, repaired.bytes), (3, lost.len() as u64));
        assert_eq!(repaired.sha256, Sha256Digest::of(lost));
        assert!(desk.read("").starts_with(&whole));
        let account = desk.check(std::slice::from_ref(&held)).unwrap();
        assert_eq!((account.repairs, account.decisions, account.lines), (1, 2, 4));
        desk.append(3..4);
        assert_eq!(desk.check(&[]).unwrap().lines, 5);
    }
}

/// Wherever a repair stops, the log is broken still, or says what it lost: what was whole stays, and nothing is forgotten.
#[test]
fn every_interrupted_repair_is_noticed() {
    let desk = Desk::with(1);
    let whole = desk.read("");
    for torn in [3, 400, 5000] {
        let broken = [whole.as_slice(), &vec![b'x'; torn]].concat();
        desk.write(&broken);
        repair_log(&desk.path(""), later(1)).unwrap().unwrap();
        let line = desk.read("")[whole.len()..].to_vec();
        for written in 0..=line.len() {
            // The new line lies over the broken one as far as it came; nothing is cut off yet.
            let mut there = broken.clone();
            let end = (whole.len() + written).max(there.len());
            there.resize(end, b'?');
            there[whole.len()..whole.len() + written].copy_from_slice(&line[..written]);
            desk.write(&there);
            if written < line.len() || torn > line.len() {
                assert_eq!(code(&desk.open()), "E-LOG-TORN", "{torn} {written}");
                repair_log(&desk.path(""), later(2)).unwrap().unwrap();
            }
            let account = desk.check(&[]).unwrap();
            assert!(account.repairs >= 1, "{torn} {written}");
            assert!(desk.read("").starts_with(&whole));
        }
    }
}

/// Lines that are longer than what is read of a log's end at first.
#[test]
fn a_long_line_is_a_line() {
    let desk = Desk::empty();
    let log = desk.open().unwrap();
    let mut wordy = decision(0);
    for number in 0..15 {
        wordy = wordy.because(Reason::new("E-LONG", format!("{number}").repeat(1000)));
    }
    for decision in [&wordy, &wordy, &decision(1), &wordy] {
        log.append(decision).unwrap();
    }
    let whole = desk.read("");
    assert!(whole.len() > 3 * 15_000);
    assert_eq!(desk.check(&[]).unwrap().decisions, 4);
    for cut in [1, 10_000, 15_000] {
        desk.write(&whole[..whole.len() - cut]);
        assert_eq!(code(&desk.open()), "E-LOG-TORN");
        repair_log(&desk.path(""), later(1)).unwrap().unwrap();
        assert_eq!(desk.check(&[]).unwrap().decisions, 3);
    }
}

#[test]
fn a_repair_says_what_could_still_be_read() {
    let desk = Desk::with(1);
    let mut text = desk.read("");
    text.extend(b"{\"decision\":\xff\x1b[2J");
    desk.write(&text);
    repair_log(&desk.path(""), later(7)).unwrap().unwrap();
    let mut last = None;
    check_log(&desk.path(""), &[], Reach::Whole, &mut |entry| {
        last = Some((entry.kind, entry.json.to_owned()));
    })
    .unwrap();
    let (kind, json) = last.unwrap();
    assert_eq!(kind, EntryKind::Repaired);
    assert!(!json.contains('\u{1b}'));
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["torn"]["text"], "{\"decision\":\u{fffd}\u{1b}[2J");
}

#[test]
fn what_is_whole_is_not_repaired() {
    let desk = Desk::with(2);
    let before = desk.read("");
    assert_eq!(repair_log(&desk.path(""), later(1)).unwrap(), None);
    assert_eq!(desk.read(""), before);
    assert_eq!(code(&repair_log(&desk.path(".none"), later(1))), "E-NOT-FOUND");
    for (text, expected) in [
        (b"".to_vec(), "E-LOG-TRUNCATED"),
        (b"a text".to_vec(), "E-LOG-LINE"),
        (b"a text\nand more".to_vec(), "E-LOG-LINE"),
        ([before.as_slice(), &vec![b'x'; (1 << 20) + 1]].concat(), "E-LOG-LINE"),
    ] {
        desk.write(&text);
        assert_eq!(code(&repair_log(&desk.path(""), later(1))), expected);
        assert_eq!(desk.read(""), text, "nothing was touched");
    }
}

#[test]
fn what_is_no_log_is_not_appended_to() {
    let desk = Desk::with(1);
    let log = desk.open().unwrap();
    for (text, expected) in [
        (b"".to_vec(), "E-LOG-TRUNCATED"),
        (b"notes of mine\n".to_vec(), "E-LOG-LINE"),
        (b"notes of mine".to_vec(), "E-LOG-TORN"),
        ([desk.read("").as_slice(), b"\n"].concat(), "E-LOG-LINE"),
    ] {
        desk.write(&text);
        assert_eq!(code(&desk.open()), expected);
        assert_eq!(code(&log.append(&decision(1))), expected);
        assert_eq!(desk.read(""), text, "nothing was touched");
    }
    // A link may lead anywhere, a FIFO would wait for a reader, and a folder is none.
    fs::remove_file(desk.path("")).unwrap();
    symlink(desk.path(".other"), desk.path("")).unwrap();
    assert_eq!((code(&desk.open()), code(&log.append(&decision(1)))), ("E-LOG-WRITE", "E-LOG-WRITE"));
    fs::remove_file(desk.path("")).unwrap();
    fs::create_dir(desk.path("")).unwrap();
    assert_eq!(code(&desk.open()), "E-LOG-WRITE");
    assert_eq!(code(&desk.check(&[])), "E-UNREADABLE");
    fs::remove_dir(desk.path("")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, desk.path(""), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(code(&desk.open()), "E-LOG-WRITE");
    assert_eq!(code(&desk.check(&[])), "E-UNREADABLE");
}

#[test]
fn a_log_that_vanished_is_not_begun_anew_unseen_by_who_appends() {
    let desk = Desk::with(1);
    let log = desk.open().unwrap();
    fs::remove_file(desk.path("")).unwrap();
    assert_eq!(code(&log.append(&decision(1))), "E-LOG-WRITE");
    assert_eq!(code(&desk.check(&[])), "E-NOT-FOUND");
}
