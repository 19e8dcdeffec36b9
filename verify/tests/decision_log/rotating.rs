//! A log in several files is one log.

use std::fs;

use lacre_verify::decision::{Reach, check_log};

use crate::desk::{Desk, code, decision};

/// A log in files of two or three lines.
fn rotated(decisions: u64) -> Desk {
    let desk = Desk::empty();
    let log = desk.rotating(1500);
    for number in 0..decisions {
        log.append(&decision(number)).unwrap();
    }
    desk
}

#[test]
fn the_chain_goes_on_from_file_to_file() {
    let desk = rotated(10);
    let names = desk.names();
    assert!(names.len() >= 4 && names[0].is_empty() && names[1] == ".1", "{names:?}");
    let mut indexes = Vec::new();
    let account =
        check_log(&desk.path(""), &[], Reach::Whole, &mut |entry| indexes.push(entry.index)).unwrap();
    assert_eq!(account.files as usize, names.len());
    assert_eq!(account.decisions, 10);
    assert_eq!(indexes, (0..account.lines).collect::<Vec<_>>());
    for name in &names {
        assert!(desk.read(name).len() <= 1500, "{name}");
    }
    let held = [desk.checkpoint()];
    assert_eq!(desk.check(&held).unwrap().covered, account.lines);
}

#[test]
fn a_file_that_is_missing_swapped_or_changed_is_noticed() {
    let desk = rotated(12);
    let held = [desk.checkpoint()];
    let count = desk.names().len();
    assert!(count >= 4);
    for number in 1..count {
        let (path, aside) = (desk.path(&format!(".{number}")), desk.path(".aside"));
        fs::rename(&path, &aside).unwrap();
        assert_eq!(code(&desk.check(&held)), "E-LOG-MISSING", "{number}");
        assert_eq!(code(&desk.check(&[])), "E-LOG-MISSING", "{number}");
        let other = desk.path(if number == 1 { ".2" } else { ".1" });
        fs::copy(&other, &path).unwrap();
        assert_eq!(code(&desk.check(&[])), "E-LOG-CHAIN", "{number}");
        // The last line of an older file is held by the first of the next one.
        let good = fs::read(&aside).unwrap();
        let end = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        fs::write(&path, &good[..end]).unwrap();
        assert_eq!(code(&desk.check(&[])), "E-LOG-CHAIN", "{number}");
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(code(&desk.check(&[])), "E-LOG-TORN", "{number}");
        fs::write(&path, "").unwrap();
        assert_eq!(code(&desk.check(&[])), "E-LOG-TRUNCATED", "{number}");
        fs::rename(&aside, &path).unwrap();
        assert_eq!(code(&desk.check(&held)), "ok");
    }
    // The newest file gone: nothing is begun where the rest of a log lies.
    fs::rename(desk.path(""), desk.path(".aside")).unwrap();
    assert_eq!(code(&desk.check(&held)), "E-NOT-FOUND");
    assert_eq!(code(&desk.open()), "E-LOG-MISSING");
    // An older file in its place.
    fs::copy(desk.path(".2"), desk.path("")).unwrap();
    assert_eq!(code(&desk.check(&held)), "E-LOG-CHAIN");
}

#[test]
fn older_files_may_be_put_away_by_who_says_so() {
    let desk = Desk::empty();
    let log = desk.rotating(1500);
    log.append(&decision(0)).unwrap();
    let early = desk.checkpoint();
    for number in 1..12 {
        log.append(&decision(number)).unwrap();
    }
    let late = desk.checkpoint();
    let whole = desk.check(&[]).unwrap();
    fs::remove_file(desk.path(".1")).unwrap();
    fs::remove_file(desk.path(".2")).unwrap();
    let remaining = |held: &[_]| check_log(&desk.path(""), held, Reach::Remaining, &mut |_| {});
    let account = remaining(std::slice::from_ref(&late)).unwrap();
    assert_eq!((account.lines, account.head), (whole.lines, whole.head));
    assert!(account.first > 0 && account.decisions < whole.decisions);
    assert_eq!(code(&remaining(&[early])), "E-LOG-MISSING", "nobody can say what it is about");
    assert_eq!(code(&desk.check(&[late])), "E-LOG-MISSING");
}

#[test]
fn what_was_put_away_is_known_by_the_digest_of_its_end() {
    let desk = Desk::empty();
    let log = desk.rotating(1500);
    // A checkpoint of exactly what goes into the first file.
    let mut held = None;
    for number in 0..8 {
        if !desk.path(".1").exists() {
            held = desk.path("").exists().then(|| desk.checkpoint());
        }
        log.append(&decision(number)).unwrap();
    }
    let held = [held.unwrap()];
    fs::remove_file(desk.path(".1")).unwrap();
    let account = check_log(&desk.path(""), &held, Reach::Remaining, &mut |_| {}).unwrap();
    assert_eq!(account.first, held[0].checkpoint().lines);
    // Another log in the same place, put away in the same way.
    let other = rotated(8);
    fs::remove_file(other.path(".1")).unwrap();
    let outcome = check_log(&other.path(""), &held, Reach::Remaining, &mut |_| {});
    assert_eq!(code(&outcome), "E-LOG-OTHER");
}

/// The moments at which a rotation can be interrupted: after the second name, and after the new file was written.
#[test]
fn an_interrupted_rotation_is_taken_up_again() {
    for leave in [Some(&b"half a li"[..]), None] {
        let desk = rotated(2);
        let next = format!(".{}", desk.names().len());
        fs::hard_link(desk.path(""), desk.path(&next)).unwrap();
        if let Some(rest) = leave {
            fs::write(desk.path(".new"), rest).unwrap();
        }
        assert_eq!(code(&desk.check(&[])), "ok");
        let before = desk.check(&[]).unwrap().lines;
        let log = desk.rotating(1500);
        for number in 0..6 {
            log.append(&decision(number)).unwrap();
        }
        let account = desk.check(&[]).unwrap();
        assert!(account.lines >= before + 6 && account.files >= 3);
        assert!(!desk.names().contains(&".new".to_owned()));
    }
}

#[test]
fn what_is_in_the_way_of_a_rotation_is_not_replaced() {
    let desk = Desk::empty();
    let log = desk.rotating(900);
    fs::write(desk.path(".1"), "of somebody else").unwrap();
    log.append(&decision(0)).unwrap();
    assert_eq!(code(&log.append(&decision(0))), "E-LOG-WRITE");
    assert_eq!(desk.read(".1"), b"of somebody else");
    assert_eq!(code(&desk.check(&[])), "E-LOG-CHAIN");
    fs::remove_file(desk.path(".1")).unwrap();
    assert_eq!(desk.check(&[]).unwrap().lines, 2, "nothing of it is in the log");
}

/// Fewer bytes than a line has: each decision has a file of its own, and none is lost.
#[test]
fn no_limit_is_too_small() {
    let desk = Desk::empty();
    let log = desk.rotating(1);
    for number in 0..5 {
        log.append(&decision(number)).unwrap();
    }
    let account = desk.check(&[]).unwrap();
    assert_eq!((account.decisions, account.files), (5, 5));
}
