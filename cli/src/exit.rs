//! The table of exit codes: every error code leads to one of them, and both are stable.

use std::fmt::Write as _;

/// One exit code.
#[derive(Debug)]
pub(crate) struct Row {
    /// The number that the process ends with.
    pub(crate) exit: u8,
    /// What it tells a script.
    pub(crate) meaning: &'static str,
    /// The error codes that end in it.
    pub(crate) codes: &'static [&'static str],
}

/// Everything is as it should be.
pub(crate) const OK: u8 = 0;
/// Two contents differ, or something came out otherwise than it must.
pub(crate) const DIFFERS: u8 = 1;
/// A bug of ours; also what an error code that is not in the table ends in.
pub(crate) const BUG: u8 = 70;

/// Every exit code that Lacre ends with.
pub(crate) const TABLE: &[Row] = &[
    Row { exit: OK, meaning: "done; for diff: equal", codes: &[] },
    Row {
        exit: DIFFERS,
        meaning: "the content differs; for channel drill: a rehearsal failed",
        codes: &[
            "E-ARTIFACT-MISMATCH",
            "E-BLOB-DIGEST",
            "E-CIPHERTEXT",
            "E-CLAIMS-DIFFER",
            "E-FILE-CHANGED",
            "E-FILE-EXTRA",
            "E-FILE-MISSING",
            "E-FILE-MODE",
            "E-FILE-NAME",
            "E-FILE-RENAMED",
            "E-FILE-SIZE",
            "E-FILE-TYPE",
            "E-FOLDER-EXTRA",
            "E-FOLDER-MISSING",
            "E-LOG-CHAIN",
            "E-LOG-OTHER",
            "E-LOG-REWRITTEN",
            "E-LOG-TRUNCATED",
            "E-RELEASE-MISMATCH",
            "E-SUBJECT",
        ],
    },
    Row {
        exit: 2,
        meaning: "wrong usage",
        codes: &[
            "E-CHANNEL-NAME",
            "E-COMMIT",
            "E-EDIT-FLOOR",
            "E-EDIT-LISTED",
            "E-EDIT-NOTHING",
            "E-EDIT-ORDER",
            "E-EDIT-STATUS",
            "E-EDIT-UNLISTED",
            "E-EDIT-VALUE",
            "E-EPOCH-KEYS",
            "E-LIFETIME",
            "E-NO-MATCH",
            "E-RANGE",
            "E-REFERENCE",
            "E-ROLE-ALGORITHM",
            "E-ROLE-THRESHOLD",
            "E-TENSORS-AMBIGUOUS",
            "E-USAGE",
        ],
    },
    Row {
        exit: 3,
        meaning: "the signature is invalid",
        codes: &[
            "E-CERTIFICATE",
            "E-LOG",
            "E-SIGNATURE-INVALID",
            "E-TIMESTAMP",
            "E-TRUST-METADATA",
            "E-TUF-SIGNATURE",
        ],
    },
    Row {
        exit: 4,
        meaning: "no signature or attestation",
        codes: &["E-DRAFT-PENDING", "E-NO-MANIFEST-SIGNATURE", "E-NO-SIGNATURE"],
    },
    Row {
        exit: 5,
        meaning: "the signer is not trusted",
        codes: &["E-IDENTITY-MISMATCH", "E-ROLE-KEY", "E-SIGNER-UNTRUSTED", "E-TOO-FEW-SIGNERS"],
    },
    Row {
        exit: 6,
        meaning: "expired, revoked or not yet valid",
        codes: &[
            "E-CERTIFICATE-EXPIRED",
            "E-CERTIFICATE-REVOKED",
            "E-CHANNEL-EXPIRED",
            "E-CHANNEL-STALE",
            "E-CLOCK",
            "E-DRAFT-STALE",
            "E-KEY-EXPIRED",
            "E-KEY-RETIRED",
            "E-KEY-REVOKED",
            "E-METADATA-EXPIRED",
            "E-QUARANTINED",
            "E-REVOKED",
            "E-TUF-EXPIRED",
        ],
    },
    Row {
        exit: 7,
        meaning: "rollback, or below the floor",
        codes: &[
            "E-CHANNEL-EPOCH",
            "E-EQUIVOCATION",
            "E-FLOOR",
            "E-FLOOR-LOWERED",
            "E-RELEASE-UNKNOWN",
            "E-REPLAY",
            "E-ROLLBACK",
            "E-STATE-BACKWARDS",
        ],
    },
    Row {
        exit: 8,
        meaning: "against the policy",
        codes: &[
            "E-ATTESTATION-MISSING",
            "E-DIGEST-NOT-SIGNED",
            "E-EXCLUDED",
            "E-MODES-NOT-SIGNED",
            "E-NAME-MISMATCH",
            "E-POLICY-AGE",
            "E-POLICY-ATTESTATION",
            "E-POLICY-CHANNEL",
            "E-POLICY-DEPRECATED",
            "E-POLICY-DIGEST",
            "E-POLICY-EVALUATION",
            "E-POLICY-EXPRESSION",
            "E-POLICY-FORMAT",
            "E-POLICY-KEY-ALGORITHM",
            "E-POLICY-NO-MATCH",
            "E-POLICY-OTHER",
            "E-POLICY-PIN",
            "E-POLICY-ROLLBACK",
            "E-POLICY-STALE",
            "E-POLICY-TEST",
            "E-POLICY-TIMESTAMP",
            "E-POLICY-TRANSPARENCY",
            "E-VERSION-MISMATCH",
        ],
    },
    Row {
        exit: 10,
        meaning: "an input cannot be read, or an output written",
        codes: &[
            "E-COMMAND",
            "E-CONFLICT",
            "E-EXISTS",
            "E-INPUT-CHANGED",
            "E-INPUT-EMPTY",
            "E-INPUT-MODE",
            "E-INPUT-NAME",
            "E-INPUT-TYPE",
            "E-LOG-MISSING",
            "E-LOG-WRITE",
            "E-MEMORY-LIMIT",
            "E-NOT-FOUND",
            "E-OUTPUT",
            "E-UNREADABLE",
        ],
    },
    Row {
        exit: 11,
        meaning: "the registry, the network, the signer or a service",
        codes: &[
            "E-BLOB-MISSING",
            "E-EVENT",
            "E-NETWORK",
            "E-REDIRECT",
            "E-REFERENCE-NOT-FOUND",
            "E-REGISTRY",
            "E-SERVICE",
            "E-SIGNER",
        ],
    },
    Row {
        exit: 12,
        meaning: "authentication, passphrase, PIN, token",
        codes: &[
            "E-AUTH",
            "E-AUTH-REALM",
            "E-CHALLENGE",
            "E-CREDENTIAL-HELPER",
            "E-CREDENTIALS",
            "E-DENIED",
            "E-ENCRYPTED",
            "E-NOT-RECIPIENT",
            "E-PASSPHRASE",
            "E-PIN-LOCKED",
            "E-TOKEN",
        ],
    },
    Row {
        exit: 13,
        meaning: "malformed or unsupported",
        codes: &[
            "E-AGE-HEADER",
            "E-AGE-KEY",
            "E-ANCHOR",
            "E-ARCHIVE",
            "E-ARCHIVE-MEMBER",
            "E-ARTIFACT",
            "E-BUNDLE",
            "E-CHANNEL-DOCUMENT",
            "E-CHANNEL-EDIT",
            "E-CHANNEL-FILE",
            "E-CHANNEL-METADATA",
            "E-CHANNEL-SPENT",
            "E-CHUNKS",
            "E-DRAFT",
            "E-DUPLICATE-KEY",
            "E-DUPLICATE-NAME",
            "E-ENVELOPE",
            "E-HEX",
            "E-IDENTITY",
            "E-IGNORE",
            "E-JSON",
            "E-KEY",
            "E-LAYOUT",
            "E-LEGACY",
            "E-LIMIT",
            "E-LOG-LINE",
            "E-LOG-TORN",
            "E-NAME-COLLISION",
            "E-NO-RESOURCES",
            "E-PACKED",
            "E-PATH",
            "E-PAYLOAD-TYPE",
            "E-POLICY-CASE",
            "E-POLICY-FILE",
            "E-PREDICATE",
            "E-PREDICATE-TYPE",
            "E-REVOCATION-UNKNOWN",
            "E-ROOT",
            "E-SAFETENSORS",
            "E-SAFETENSORS-INDEX",
            "E-SIGNATURE-COUNT",
            "E-STATE-BUSY",
            "E-STATE-COUNTER",
            "E-STATE-EXISTS",
            "E-STATE-IO",
            "E-STATE-MISSING",
            "E-STATE-OTHER",
            "E-STATE-READ-ONLY",
            "E-STATE-SCHEMA",
            "E-STATE-TORN",
            "E-STATEMENT",
            "E-STATEMENT-TYPE",
            "E-TLS-FILE",
            "E-TRUST-CONFIG",
            "E-TRUST-FILE",
            "E-TRUST-ROOT",
            "E-TUF-KEYS",
            "E-TUF-METADATA",
            "E-TUF-MISMATCH",
            "E-TUF-MISSING",
            "E-TUF-ORDER",
            "E-UNSUPPORTED",
        ],
    },
    Row { exit: BUG, meaning: "a bug in lacre", codes: &["E-BUG"] },
    Row { exit: 130, meaning: "interrupted, or not confirmed", codes: &["E-DECLINED", "E-INTERRUPTED"] },
];

/// The exit code of an error code. A code that the table lacks is our bug, and never a success.
pub(crate) fn of(code: &str) -> u8 {
    TABLE.iter().find(|row| row.codes.contains(&code)).map_or(BUG, |row| row.exit)
}

/// What an exit code tells a script.
pub(crate) fn meaning(exit: u8) -> &'static str {
    TABLE.iter().find(|row| row.exit == exit).map_or("unknown", |row| row.meaning)
}

/// The table as `lacre --help` shows it.
pub(crate) fn listing() -> String {
    let mut text = String::from("Exit codes (non-zero: do not use the model; 10 to 13: could not decide):\n");
    for row in TABLE {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>5}  {}", row.exit, row.meaning);
        for line in folded(row.codes, 70) {
            let _ = writeln!(text, "         {line}");
        }
    }
    text.push_str(
        "\nEnvironment:\n  LACRE_PASSPHRASE  the passphrase of a private key\n  \
         LACRE_NEW_PASSPHRASE  the new one, for key import\n  \
         NO_COLOR, CLICOLOR_FORCE, TERM  obeyed by --color auto\n  \
         XDG_CACHE_HOME  where sign keeps what sign --reuse looks up [default: ~/.cache]\n  \
         XDG_STATE_HOME  where channels are remembered [default: ~/.local/state]",
    );
    text
}

/// Words in lines of at most `width` columns.
fn folded(words: &[&str], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The documented table: `| exit | meaning | error codes |`, as `EXIT-CODES.md` shows it.
    fn documented() -> String {
        let mut text = String::from("| exit | meaning | error codes |\n|---|---|---|\n");
        for row in TABLE {
            let codes: Vec<_> = row.codes.iter().map(|code| format!("`{code}`")).collect();
            writeln!(text, "| {} | {} | {} |", row.exit, row.meaning, codes.join(" ")).unwrap();
        }
        text
    }

    #[test]
    fn every_code_of_every_crate_has_an_exit() {
        let crates = [
            ("json", lacre_json::CODES),
            ("hash", lacre_hash::CODES),
            ("manifest", lacre_manifest::CODES),
            ("attest", lacre_attest::CODES),
            ("sign", lacre_sign::CODES),
            ("registry-client", lacre_registry_client::CODES),
            ("verify", lacre_verify::CODES),
            ("publish", lacre_publish::CODES),
            ("release", lacre_release::CODES),
            ("deliver", lacre_deliver::CODES),
            ("cli", crate::error::CODES),
        ];
        for (owner, codes) in crates {
            for code in codes {
                assert!(TABLE.iter().any(|row| row.codes.contains(code)), "{owner}: {code} has no exit code");
            }
        }
    }

    #[test]
    fn one_code_has_one_exit_and_an_unknown_one_is_a_bug() {
        let all: Vec<_> = TABLE.iter().flat_map(|row| row.codes).collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
        assert!(TABLE.is_sorted_by_key(|row| row.exit));
        assert_eq!(of("E-SIGNER-UNTRUSTED"), 5);
        assert_eq!(of("E-NEVER-HEARD-OF"), 70);
    }

    /// The readme's table is shorter: two exits in a line, no error codes.
    #[test]
    fn the_readme_names_every_exit_that_is_in_use() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let table = text.lines().skip_while(|line| !line.starts_with("| exit | meaning |"));
        let cells = table.take_while(|line| line.starts_with('|')).flat_map(|line| line.split(['|', ',']));
        let named: BTreeSet<u8> = cells.filter_map(|cell| cell.trim().parse().ok()).collect();
        let used = TABLE.iter().filter(|row| row.exit == OK || !row.codes.is_empty()).map(|row| row.exit);
        assert_eq!(named, used.collect());
    }

    #[test]
    fn the_document_says_what_the_table_says() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/EXIT-CODES.md")).unwrap();
        assert!(text.contains(&documented()), "EXIT-CODES.md must hold this table:\n{}", documented());
    }
}
