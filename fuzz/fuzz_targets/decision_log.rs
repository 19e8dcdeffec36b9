//! Logs of decisions: what is accepted is one chain, and nothing can be taken out of it.

#![no_main]

use lacre_hash::Sha256Digest;
use lacre_verify::decision::{Decision, EntryKind, check_log_text};
use libfuzzer_sys::fuzz_target;

const CODES: [&str; 4] = ["E-LOG-CHAIN", "E-LOG-LINE", "E-LOG-TORN", "E-LOG-TRUNCATED"];

fuzz_target!(|bytes: &[u8]| {
    let mut lines = Vec::new();
    let outcome = check_log_text(bytes, &mut |entry| {
        assert_eq!(entry.index, lines.len() as u64);
        assert_eq!(entry.kind == EntryKind::Begun, entry.index == 0);
        assert_eq!(entry.kind == EntryKind::Decided, entry.decision.is_some());
        // A record of this schema is written in one form, and that is read as the same.
        if let Some(Ok(decision)) = entry.decision.map(serde_json::from_str::<Decision>) {
            assert_eq!(serde_json::from_str::<Decision>(&decision.to_json()).ok(), Some(decision));
        }
        lines.push(entry.json.to_owned());
    });
    let account = match outcome {
        Ok(account) => account,
        Err(problem) => return assert!(CODES.contains(&problem.code()), "{problem}"),
    };
    assert_eq!(lines.len() as u64, account.lines);
    let mut whole: Vec<Vec<u8>> = lines.iter().map(|line| format!("{line}\n").into_bytes()).collect();
    assert_eq!(whole.concat(), bytes);
    assert_eq!(whole.last().map(|line| Sha256Digest::of(line)), Some(account.head));
    if whole.len() > 2 {
        let middle = whole.len() / 2;
        whole.remove(middle);
        assert!(middle == whole.len() || check_log_text(&whole.concat(), &mut |_| {}).is_err());
    }
});
