//! Every good bundle, changed in one place in every way that we could think of, and the reason for which each is
//! refused.

use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::edit::{
    ENTRIES, ENTRY, Edited, MATERIAL, PROMISE, PROOF, TOKEN, TOKENS, add, at, body, bytes, flip, flip_hash,
    flip_twice, insert, leaf, malleate, push, remove, replace, set, signature, text, unknown,
};

/// What of a bundle decides for which reason it is refused.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
struct Facts {
    /// A statement was signed, not a message.
    statement: bool,
    /// The entry is of the second generation of the log: no promise, and the time from an authority.
    second: bool,
    /// Version 0.1 of the format.
    oldest: bool,
    /// There are timestamps.
    stamped: bool,
    /// The key is not in a certificate.
    managed: bool,
}

impl Facts {
    fn of(bundle: &Value) -> Self {
        Self {
            statement: bundle.get("dsseEnvelope").is_some(),
            second: bundle.pointer(PROMISE).is_none(),
            oldest: bundle["mediaType"].as_str().unwrap().ends_with("0.1"),
            stamped: bundle.pointer(TOKEN).is_some(),
            managed: bundle.pointer("/verificationMaterial/publicKey").is_some(),
        }
    }
}

type Change = fn(&mut Value, &Value) -> Edited;

/// A class: its name, the change (which also gets another good bundle), and the code of the refusal.
type Class = (&'static str, Change, fn(&Facts) -> &'static str);

/// The code of what is malformed in the content.
fn content(facts: &Facts) -> &'static str {
    if facts.statement { "E-ENVELOPE" } else { "E-BUNDLE" }
}

fn copied(bundle: &mut Value, other: &Value, place: &str) -> Edited {
    let value = other.pointer(place)?.clone();
    if *bundle.pointer(place)? == value {
        return None;
    }
    set(bundle, place, value)
}

const STRUCTURE: &[Class] = &[
    ("unknown member of the bundle", |b, _| insert(b, "", "extra", unknown()), |_| "E-BUNDLE"),
    ("unknown member of the material", |b, _| insert(b, MATERIAL, "extra", unknown()), |_| "E-BUNDLE"),
    ("unknown member of an entry", |b, _| insert(b, ENTRY, "extra", unknown()), |_| "E-BUNDLE"),
    ("unknown member of a log id", |b, _| insert(b, &format!("{ENTRY}/logId"), "extra", 1), |_| "E-BUNDLE"),
    (
        "unknown member of a kind",
        |b, _| insert(b, &format!("{ENTRY}/kindVersion"), "extra", 1),
        |_| "E-BUNDLE",
    ),
    ("unknown member of a promise", |b, _| insert(b, PROMISE, "extra", 1), |_| "E-BUNDLE"),
    ("unknown member of a proof", |b, _| insert(b, PROOF, "extra", 1), |_| "E-BUNDLE"),
    (
        "unknown member of a checkpoint",
        |b, _| insert(b, &format!("{PROOF}/checkpoint"), "extra", 1),
        |_| "E-BUNDLE",
    ),
    ("unknown member of a timestamp", |b, _| insert(b, &format!("{TOKENS}/0"), "extra", 1), |_| "E-BUNDLE"),
    ("unknown member of the envelope", |b, _| insert(b, "/dsseEnvelope", "extra", 1), |_| "E-ENVELOPE"),
    (
        "unknown member of a signature",
        |b, _| insert(b, "/dsseEnvelope/signatures/0", "cert", 1),
        |_| "E-ENVELOPE",
    ),
    ("unknown member of the message", |b, _| insert(b, "/messageSignature", "extra", 1), |_| "E-BUNDLE"),
    (
        "both contents",
        |b, _| match b.get("dsseEnvelope") {
            Some(_) => insert(b, "", "messageSignature", json!({"signature": "AAAA"})),
            None => insert(
                b,
                "",
                "dsseEnvelope",
                json!({"payload": "e30=", "payloadType": "application/vnd.in-toto+json",
                       "signatures": [{"sig": "AAAA"}]}),
            ),
        },
        |_| "E-BUNDLE",
    ),
    (
        "no content",
        |b, _| remove(b, "", "dsseEnvelope").or_else(|| remove(b, "", "messageSignature")),
        |_| "E-BUNDLE",
    ),
    ("a key beside the certificate", |b, _| insert_key(b), |_| "E-BUNDLE"),
    (
        "no material",
        |b, _| {
            ["certificate", "x509CertificateChain", "publicKey"]
                .iter()
                .find_map(|name| remove(b, MATERIAL, name))
        },
        |_| "E-BUNDLE",
    ),
    ("another media type", |b, _| set(b, "/mediaType", "application/json"), |_| "E-BUNDLE"),
    ("an entry that is an array", |b, _| set(b, ENTRY, json!([1, 2, 3])), |_| "E-BUNDLE"),
    ("a log id that is an array", |b, _| set(b, &format!("{ENTRY}/logId"), json!(["x"])), |_| "E-BUNDLE"),
    (
        "an entry twice",
        |b, _| {
            let entry = at(b, ENTRY)?.clone();
            push(b, ENTRIES, entry)
        },
        |_| "E-BUNDLE",
    ),
    (
        "an entry twice under two numbers",
        |b, _| {
            let mut entry = at(b, ENTRY)?.clone();
            add(&mut entry, "/logIndex", 1)?;
            push(b, ENTRIES, entry)
        },
        |_| "E-BUNDLE",
    ),
    (
        "a timestamp twice",
        |b, _| {
            let token = at(b, &format!("{TOKENS}/0"))?.clone();
            push(b, TOKENS, token)
        },
        |_| "E-BUNDLE",
    ),
    (
        "33 entries",
        |b, _| {
            let entry = at(b, ENTRY)?.clone();
            set(b, ENTRIES, vec![entry; 33])
        },
        |_| "E-LIMIT",
    ),
    (
        "33 timestamps",
        |b, _| {
            let token = at(b, &format!("{TOKENS}/0"))?.clone();
            set(b, TOKENS, vec![token; 33])
        },
        |_| "E-LIMIT",
    ),
    (
        "65 hashes",
        |b, _| {
            let hash = at(b, &format!("{PROOF}/hashes/0"))?.clone();
            set(b, &format!("{PROOF}/hashes"), vec![hash; 65])
        },
        |_| "E-LIMIT",
    ),
    (
        "a checkpoint of 64 KiB and more",
        |b, _| {
            text(b, &format!("{PROOF}/checkpoint/envelope"), |note| note.to_owned() + &"x".repeat(1 << 16))
        },
        |_| "E-LIMIT",
    ),
    ("an index that is a number", |b, _| set(b, &format!("{ENTRY}/logIndex"), 7), |_| "E-BUNDLE"),
    (
        "an index with a zero before it",
        |b, _| text(b, &format!("{ENTRY}/logIndex"), |n| format!("0{n}")),
        |_| "E-BUNDLE",
    ),
    (
        "an index with a sign",
        |b, _| text(b, &format!("{ENTRY}/logIndex"), |n| format!("+{n}")),
        |_| "E-BUNDLE",
    ),
    ("a negative index", |b, _| text(b, &format!("{ENTRY}/logIndex"), |n| format!("-{n}")), |_| "E-BUNDLE"),
    ("an index of 2^63", |b, _| set(b, &format!("{ENTRY}/logIndex"), "9223372036854775808"), |_| "E-BUNDLE"),
    ("a size that is a number", |b, _| set(b, &format!("{PROOF}/treeSize"), 7), |_| "E-BUNDLE"),
    ("a time that is a number", |b, _| set(b, &format!("{ENTRY}/integratedTime"), 7), |_| "E-BUNDLE"),
    (
        "a body with line feeds",
        |b, _| text(b, &format!("{ENTRY}/canonicalizedBody"), |t| t.to_owned() + "\n"),
        |_| "E-BUNDLE",
    ),
    (
        "a promise in the other alphabet",
        |b, _| {
            bytes(b, &format!("{PROMISE}/signedEntryTimestamp"), |set| set.extend([0xfb, 0xff, 0xbf]))?;
            text(b, &format!("{PROMISE}/signedEntryTimestamp"), |t| t.replace('+', "-").replace('/', "_"))
        },
        |_| "E-BUNDLE",
    ),
    (
        "a signature without padding",
        |b, _| {
            let place = signature(b);
            let padded = at(b, place)?.as_str()?.ends_with('=');
            if !padded {
                bytes(b, place, |signature| signature.push(0))?;
            }
            text(b, place, |t| t.trim_end_matches('=').to_owned())
        },
        content,
    ),
    (
        "a signature with a line feed",
        |b, _| {
            let place = signature(b);
            text(b, place, |t| t.to_owned() + "\n")
        },
        content,
    ),
    (
        "a certificate with a line feed",
        |b, _| {
            let place = leaf(b);
            text(b, place, |t| t.to_owned() + "\n")
        },
        |_| "E-BUNDLE",
    ),
    (
        "a hash of 31 bytes",
        |b, _| bytes(b, &format!("{PROOF}/hashes/0"), |hash| hash.truncate(31)),
        |_| "E-BUNDLE",
    ),
    (
        "a root of 33 bytes",
        |b, _| bytes(b, &format!("{PROOF}/rootHash"), |hash| hash.push(0)),
        |_| "E-BUNDLE",
    ),
    (
        "a log id of 31 bytes",
        |b, _| bytes(b, &format!("{ENTRY}/logId/keyId"), |id| id.truncate(31)),
        |_| "E-BUNDLE",
    ),
    (
        "an unknown kind of entry",
        |b, _| set(b, &format!("{ENTRY}/kindVersion/kind"), "rpm"),
        |_| "E-UNSUPPORTED",
    ),
    (
        "an unknown version of entry",
        |b, _| set(b, &format!("{ENTRY}/kindVersion/version"), "9.9.9"),
        |_| "E-UNSUPPORTED",
    ),
    ("no log id", |b, _| remove(b, ENTRY, "logId"), |_| "E-BUNDLE"),
    ("no body", |b, _| remove(b, ENTRY, "canonicalizedBody"), |_| "E-BUNDLE"),
    (
        "a body in which a key stands twice",
        |b, _| {
            bytes(b, &format!("{ENTRY}/canonicalizedBody"), |body| {
                let twice = br#"{"apiVersion":"0.0.1","#;
                body.splice(..1, twice.iter().copied());
            })
        },
        |_| "E-DUPLICATE-KEY",
    ),
    (
        "a body that is no JSON",
        |b, _| bytes(b, &format!("{ENTRY}/canonicalizedBody"), |body| body.push(b'}')),
        |_| "E-JSON",
    ),
    ("no signature", |b, _| set(b, "/dsseEnvelope/signatures", json!([])), |_| "E-SIGNATURE-COUNT"),
    (
        "two signatures",
        |b, _| {
            let signature = at(b, "/dsseEnvelope/signatures/0")?.clone();
            push(b, "/dsseEnvelope/signatures", signature)
        },
        |_| "E-SIGNATURE-COUNT",
    ),
    (
        "another payload type",
        |b, _| set(b, "/dsseEnvelope/payloadType", "application/json"),
        |_| "E-PAYLOAD-TYPE",
    ),
];

fn insert_key(bundle: &mut Value) -> Edited {
    let name =
        if bundle.pointer("/verificationMaterial/publicKey").is_some() { "certificate" } else { "publicKey" };
    let value = if name == "publicKey" { json!({"hint": "x"}) } else { json!({"rawBytes": "AAAA"}) };
    insert(bundle, MATERIAL, name, value)
}

/// The signature of a certificate does not cover what is changed in it.
fn forged(_: &Facts) -> &'static str {
    "E-CERTIFICATE"
}

const EVIDENCE: &[Class] = &[
    (
        "no entries",
        |b, _| at(b, ENTRY).is_some().then_some(()).and_then(|()| set(b, ENTRIES, json!([]))),
        // A key needs no log.
        |f| if f.managed && f.second { "accepted" } else { "E-LOG" },
    ),
    ("no proof", |b, _| remove(b, ENTRY, "inclusionProof"), |f| if f.oldest { "accepted" } else { "E-LOG" }),
    (
        "no promise",
        |b, _| remove(b, ENTRY, "inclusionPromise"),
        |f| match f {
            Facts { oldest: true, .. } => "E-LOG",
            // The timestamp, or the key itself, is enough.
            Facts { stamped: true, .. } | Facts { managed: true, .. } => "accepted",
            _ => "E-TIMESTAMP",
        },
    ),
    ("the promise flipped", |b, _| flip(b, &format!("{PROMISE}/signedEntryTimestamp"), -3), |_| "E-LOG"),
    (
        "the promise cut",
        |b, _| bytes(b, &format!("{PROMISE}/signedEntryTimestamp"), |set| set.truncate(60)),
        |_| "E-LOG",
    ),
    ("the promise of another entry", |b, o| copied(b, o, PROMISE), |_| "E-LOG"),
    (
        "integrated a second later",
        |b, _| {
            at(b, PROMISE)?;
            add(b, &format!("{ENTRY}/integratedTime"), 1)
        },
        |_| "E-LOG",
    ),
    (
        "backdated by a year",
        |b, _| {
            at(b, PROMISE)?;
            add(b, &format!("{ENTRY}/integratedTime"), -31_536_000)
        },
        |_| "E-LOG",
    ),
    (
        "in the far future",
        |b, _| {
            at(b, PROMISE)?;
            set(b, &format!("{ENTRY}/integratedTime"), "32503680000")
        },
        |_| "E-LOG",
    ),
    (
        "no integrated time",
        |b, _| {
            at(b, PROMISE)?;
            remove(b, ENTRY, "integratedTime")
        },
        |f| if f.stamped || f.managed { "E-LOG" } else { "E-TIMESTAMP" },
    ),
    ("another log", |b, _| flip(b, &format!("{ENTRY}/logId/keyId"), 31), |_| "E-LOG"),
    ("the outer index moved", |b, _| add(b, &format!("{ENTRY}/logIndex"), 1), |_| "E-LOG"),
    ("the index of the proof moved", |b, _| add(b, &format!("{PROOF}/logIndex"), 1), |_| "E-LOG"),
    ("the tree grown", |b, _| add(b, &format!("{PROOF}/treeSize"), 1), |_| "E-LOG"),
    (
        "an index outside of the tree",
        |b, _| set(b, &format!("{PROOF}/logIndex"), "9223372036854775807"),
        |_| "E-LOG",
    ),
    ("the root flipped", |b, _| flip(b, &format!("{PROOF}/rootHash"), 0), |_| "E-LOG"),
    ("a hash flipped", |b, _| flip_hash(b), |_| "E-LOG"),
    ("a hash less", |b, _| at(b, &format!("{PROOF}/hashes"))?.as_array_mut()?.pop().map(drop), |_| "E-LOG"),
    (
        "a hash more",
        |b, _| {
            let hash = at(b, &format!("{PROOF}/hashes/0"))?.clone();
            push(b, &format!("{PROOF}/hashes"), hash)
        },
        |_| "E-LOG",
    ),
    (
        "two hashes swapped",
        |b, _| {
            at(b, &format!("{PROOF}/hashes/1"))?;
            at(b, &format!("{PROOF}/hashes"))?.as_array_mut()?.swap(0, 1);
            Some(())
        },
        |_| "E-LOG",
    ),
    (
        "no hashes",
        |b, _| {
            at(b, &format!("{PROOF}/hashes/0"))?;
            set(b, &format!("{PROOF}/hashes"), json!([]))
        },
        |_| "E-LOG",
    ),
    ("no checkpoint", |b, _| remove(b, PROOF, "checkpoint"), |_| "E-LOG"),
    ("the size of the checkpoint changed", |b, _| note(b, |lines| lines[1].insert(0, '1')), |_| "E-LOG"),
    (
        "the root of the checkpoint changed",
        |b, _| note(b, |lines| lines[2] = format!("{}=", "A".repeat(43))),
        |_| "E-LOG",
    ),
    ("the origin of the checkpoint changed", |b, _| note(b, |lines| lines[0].push('x')), |_| "E-LOG"),
    (
        "the checkpoint unsigned",
        |b, _| note(b, |lines| lines.retain(|line| !line.starts_with('—'))),
        |_| "E-LOG",
    ),
    (
        "the checkpoint signed by others",
        |b, _| {
            note(b, |lines| {
                for line in lines.iter_mut().filter(|line| line.starts_with('—')) {
                    let at = line.rfind(' ').unwrap() + 1;
                    let flipped = if line[at..].starts_with('B') { "C" } else { "B" };
                    line.replace_range(at..=at, flipped);
                }
            })
        },
        |_| "E-LOG",
    ),
    (
        "the checkpoint's signature flipped",
        |b, _| {
            note(b, |lines| {
                for line in lines.iter_mut().filter(|line| line.starts_with('—')) {
                    let at = line.rfind(' ').unwrap() + 20;
                    let flipped = if line[at..].starts_with('B') { "C" } else { "B" };
                    line.replace_range(at..=at, flipped);
                }
            })
        },
        |_| "E-LOG",
    ),
    (
        "a second note behind the checkpoint",
        |b, _| text(b, &format!("{PROOF}/checkpoint/envelope"), |note| format!("{note}\n\n{note}")),
        |_| "E-LOG",
    ),
    ("the checkpoint of another entry", |b, o| copied(b, o, &format!("{PROOF}/checkpoint")), |_| "E-LOG"),
    ("the proof of another entry", |b, o| copied(b, o, PROOF), |_| "E-LOG"),
    (
        "a digest in the body flipped",
        |b, _| {
            body(b, |body| {
                for place in
                    ["/spec/data/hash/value", "/spec/payloadHash/value", "/spec/content/payloadHash/value"]
                {
                    if at(body, place).is_some() {
                        return text(body, place, |hex| {
                            let other = if hex.starts_with('0') { "1" } else { "0" };
                            format!("{other}{}", &hex[1..])
                        });
                    }
                }
                flip(body, "/spec/hashedRekordV002/data/digest", 0)
            })
        },
        |_| "E-LOG",
    ),
    (
        "the signature in the body flipped",
        |b, _| {
            body(b, |body| {
                flip(body, "/spec/signature/content", 9)
                    .or_else(|| flip(body, "/spec/signatures/0/signature", 9))
                    .or_else(|| flip(body, "/spec/hashedRekordV002/signature/content", 9))
                    .or_else(|| flip_twice(body, "/spec/content/envelope/signatures/0/sig"))
            })
        },
        |_| "E-LOG",
    ),
    (
        "an entry of another generation",
        |b, _| {
            text(b, &format!("{ENTRY}/kindVersion/version"), |version| {
                if version == "0.0.1" { "0.0.2" } else { "0.0.1" }.to_owned()
            })?;
            set(b, &format!("{ENTRY}/kindVersion/kind"), "hashedrekord")
        },
        |f| if f.managed && f.statement { "E-UNSUPPORTED" } else { "E-LOG" },
    ),
    ("a timestamp's signature flipped", |b, _| flip(b, TOKEN, -4), |_| "E-TIMESTAMP"),
    (
        "a timestamp's time changed",
        |b, _| {
            bytes(b, TOKEN, |token| {
                let at = token.windows(4).position(|part| part == b"\x18\x0f20").unwrap() + 5;
                token[at] ^= 1;
            })
        },
        |_| "E-TIMESTAMP",
    ),
    ("a timestamp cut", |b, _| bytes(b, TOKEN, |token| token.truncate(token.len() / 2)), |_| "E-TIMESTAMP"),
    ("an empty timestamp", |b, _| set(b, TOKEN, ""), |_| "E-TIMESTAMP"),
    ("the timestamp of another signature", |b, o| copied(b, o, TOKEN), |_| "E-TIMESTAMP"),
    (
        "no timestamps",
        |b, _| at(b, TOKEN).is_some().then_some(()).and_then(|()| set(b, TOKENS, json!([]))),
        |f| {
            if f.second && !f.managed { "E-TIMESTAMP" } else { "accepted" }
        },
    ),
];

/// Changes the lines of the checkpoint.
fn note(bundle: &mut Value, change: impl FnOnce(&mut Vec<String>)) -> Edited {
    text(bundle, &format!("{PROOF}/checkpoint/envelope"), |note| {
        let mut lines: Vec<String> = note.split('\n').map(str::to_owned).collect();
        change(&mut lines);
        lines.join("\n")
    })
}

const SIGNATURES: &[Class] = &[
    (
        "the signature flipped",
        |b, _| {
            let place = signature(b);
            flip(b, place, -2)
        },
        |f| match f {
            Facts { statement: false, stamped: true, .. } => "E-TIMESTAMP",
            _ => "E-SIGNATURE-INVALID",
        },
    ),
    (
        "the signature of another",
        |b, o| {
            let place = signature(b);
            copied(b, o, place)
        },
        |f| match f {
            Facts { statement: false, stamped: true, .. } => "E-TIMESTAMP",
            _ => "E-SIGNATURE-INVALID",
        },
    ),
    (
        "the signature's other half",
        |b, _| {
            let place = signature(b);
            (at(b, place)?.as_str()?.len() < 100).then_some(())?;
            bytes(b, place, malleate)
        },
        |f| match f {
            Facts { statement: false, stamped: true, .. } => "E-TIMESTAMP",
            _ => "E-LOG",
        },
    ),
    (
        "bytes behind the signature",
        |b, _| {
            let place = signature(b);
            bytes(b, place, |signature| signature.push(0))
        },
        |f| match f {
            Facts { statement: false, stamped: true, .. } => "E-TIMESTAMP",
            _ => "E-SIGNATURE-INVALID",
        },
    ),
    (
        "the payload changed",
        |b, _| bytes(b, "/dsseEnvelope/payload", |payload| replace(payload, b"\"sha256\"", b"\"sha512\"")),
        |_| "E-SIGNATURE-INVALID",
    ),
    (
        "the payload written anew",
        |b, _| bytes(b, "/dsseEnvelope/payload", |payload| payload.push(b'\n')),
        |_| "E-SIGNATURE-INVALID",
    ),
    ("the payload of another", |b, o| copied(b, o, "/dsseEnvelope/payload"), |_| "E-SIGNATURE-INVALID"),
    (
        "the digest of the message flipped",
        |b, _| flip(b, "/messageSignature/messageDigest/digest", 0),
        |_| "E-SIGNATURE-INVALID",
    ),
    (
        "the entries of another",
        |b, o| copied(b, o, ENTRIES),
        |f| match f {
            Facts { statement: false, second: false, .. } => "E-CERTIFICATE-EXPIRED",
            _ => "E-LOG",
        },
    ),
    (
        "an entry of another beside its own",
        |b, o| push(b, ENTRIES, o.pointer(ENTRY)?.clone()),
        |f| match f {
            Facts { statement: false, second: false, .. } => "E-CERTIFICATE-EXPIRED",
            _ => "E-LOG",
        },
    ),
    (
        "the certificate of another",
        |b, o| {
            let place = leaf(b);
            copied(b, o, place)
        },
        |f| match f {
            Facts { statement: true, .. } => "E-SIGNATURE-INVALID",
            _ => "E-CERTIFICATE-EXPIRED",
        },
    ),
    (
        "the certificate's signature flipped",
        |b, _| {
            let place = leaf(b);
            flip(b, place, -3)
        },
        forged,
    ),
    (
        "the certificate's name changed",
        |b, _| {
            let place = leaf(b);
            bytes(b, place, |der| {
                let at = der.windows(7).position(|part| part == b"stefanb" || part == b"github.").unwrap();
                der[at] ^= 1;
            })
        },
        forged,
    ),
    (
        "the certificate cut",
        |b, _| {
            let place = leaf(b);
            bytes(b, place, |der| der.truncate(der.len() - 10))
        },
        forged,
    ),
    (
        "the certificate's validity stretched",
        |b, _| {
            let place = leaf(b);
            bytes(b, place, |der| {
                // The second UTCTime is the end: a year later.
                let times: Vec<usize> =
                    (0..der.len() - 2).filter(|at| der[*at..].starts_with(b"\x17\x0d2")).collect();
                der[times[1] + 3] = b'9';
            })
        },
        forged,
    ),
    (
        "the certificate's word of its log flipped",
        |b, _| {
            let place = leaf(b);
            bytes(b, place, |der| {
                let oid = b"\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02";
                let at = der.windows(oid.len()).position(|part| part == oid).unwrap();
                der[at + oid.len() + 60] ^= 1;
            })
        },
        forged,
    ),
    (
        "bytes behind the certificate",
        |b, _| {
            let place = leaf(b);
            bytes(b, place, |der| der.push(0))
        },
        forged,
    ),
];

/// Another good bundle of the same kind, for what is swapped.
fn partner<'a>(cases: &'a [Case], case: &Case) -> Option<&'a Case> {
    let family = |case: &Case| case.name.split('-').next().unwrap().to_owned();
    let signed = |case: &Case| {
        let bundle = case.json();
        bundle.pointer(signature(&bundle)).unwrap().clone()
    };
    let start = cases.iter().position(|one| one.name == case.name)?;
    (1..cases.len())
        .map(|step| &cases[(start + step) % cases.len()])
        .find(|one| family(one) == family(case) && signed(one) != signed(case))
}

fn reject(classes: &[Class], least: usize) {
    let cases = cases::valid();
    if cases.is_empty() {
        return;
    }
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (name, change, code) in classes {
        let mut applied = 0;
        for case in &cases {
            let mut bundle = case.json();
            let facts = Facts::of(&bundle);
            let other = partner(&cases, case).map_or(Value::Null, Case::json);
            let has_it = !(facts.managed && name.contains("certificate"));
            if !has_it || change(&mut bundle, &other).is_none() {
                continue;
            }
            applied += 1;
            let (found, expected) = (case.outcome_of(&serde_json::to_vec(&bundle).unwrap()), code(&facts));
            if found != expected {
                wrong.push(format!("{name}: {}: {found}, not {expected}", case.name));
            }
        }
        assert!(applied > 0, "{name} applies to no bundle");
        tried += applied;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(tried >= least, "{tried} bundles were made");
}

#[test]
fn the_bundles_that_are_changed_are_good() {
    let cases = cases::valid();
    for case in &cases {
        assert_eq!(case.outcome(), "accepted", "{}", case.name);
        // Written anew by a JSON library, as all the changed ones are.
        assert_eq!(case.outcome_of(&serde_json::to_vec(&case.json()).unwrap()), "accepted", "{}", case.name);
    }
    assert!(cases.is_empty() || cases.len() >= 20, "{}", cases.len());
    let managed = cases.iter().filter(|case| Facts::of(&case.json()).managed).count();
    assert!(cases.is_empty() || (managed >= 8 && cases.len() - managed >= 8), "{managed}");
}

#[test]
fn changes_of_form_are_refused() {
    reject(STRUCTURE, 900);
}

#[test]
fn changes_of_evidence_are_refused() {
    reject(EVIDENCE, 700);
}

#[test]
fn changes_of_signature_and_certificate_are_refused() {
    reject(SIGNATURES, 230);
}

#[test]
fn changes_of_the_text_itself_are_refused() {
    for case in cases::valid() {
        let text = String::from_utf8(serde_json::to_vec(&case.json()).unwrap()).unwrap();
        let outcome = |text: &str| case.outcome_of(text.as_bytes());
        let twice = text.replacen("\"mediaType\":", "\"mediaType\":\"x\",\"mediaType\":", 1);
        assert_eq!(outcome(&twice), "E-DUPLICATE-KEY", "{}", case.name);
        let deep = text.replacen("\"logIndex\":", "\"log\\u0049ndex\":\"1\",\"logIndex\":", 1);
        assert_eq!(outcome(&deep), "E-DUPLICATE-KEY", "{}", case.name);
        assert_eq!(outcome(&format!("{text}{text}")), "E-JSON", "{}", case.name);
        assert_eq!(outcome(&text[..text.len() - 1]), "E-JSON", "{}", case.name);
        assert_eq!(outcome(&format!("[{text}]")), "E-BUNDLE", "{}", case.name);
        assert_eq!(outcome(""), "E-JSON");
        let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(outcome(&nested), "E-LIMIT", "{}", case.name);
    }
}
