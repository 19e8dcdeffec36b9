use super::*;

const BODY: &str = "e30=";

fn hash() -> String {
    STANDARD.encode([7; 32])
}

fn entry() -> String {
    let hash = hash();
    format!(
        r#"{{"logIndex":"5","logId":{{"keyId":"{hash}"}},"kindVersion":{{"kind":"dsse","version":"0.0.1"}},
           "integratedTime":"9","inclusionPromise":{{"signedEntryTimestamp":"AQI="}},
           "inclusionProof":{{"logIndex":"3","rootHash":"{hash}","treeSize":"4","hashes":["{hash}"],
           "checkpoint":{{"envelope":"a\n\n— b AAAA\n"}}}},"canonicalizedBody":"{BODY}"}}"#
    )
}

fn read(version: Version, entries: &[String], tokens: &[&str]) -> Result<Evidence, VerifyError> {
    Evidence::read(version, entries.iter().map(String::as_str), tokens.iter().copied())
}

fn code(entry: String) -> &'static str {
    read(Version::V03, &[entry], &[]).map_or_else(|error| error.code(), |_| "ok")
}

/// The good entry with one part of it replaced.
fn with(part: &str, replacement: &str) -> String {
    let good = entry();
    assert_eq!(good.matches(part).count(), 1, "{part}");
    good.replace(part, replacement)
}

#[test]
fn every_part_is_read() {
    let evidence = read(Version::V03, &[entry()], &[r#"{"signedTimestamp":"AQI="}"#]).unwrap();
    let [entry] = evidence.entries.as_slice() else { panic!() };
    assert_eq!(
        (entry.index, entry.log, entry.kind, entry.integrated),
        (5, [7; 32], EntryKind::Dsse1, Some(9))
    );
    assert_eq!((entry.promise.as_deref(), entry.body.as_slice()), (Some(&[1, 2][..]), &b"{}"[..]));
    let proof = entry.proof.as_ref().unwrap();
    assert_eq!((proof.index, proof.size, proof.root, proof.path.as_slice()), (3, 4, [7; 32], &[[7; 32]][..]));
    assert_eq!(proof.checkpoint, "a\n\n— b AAAA\n");
    assert_eq!(evidence.timestamps, [[1, 2]]);
}

#[test]
fn absent_null_and_zero_are_one() {
    // Writers of the protobuf JSON mapping leave out what has its default value.
    for replacement in ["", r#""integratedTime":"0","#, r#""integratedTime":null,"#] {
        let evidence = read(Version::V03, &[with(r#""integratedTime":"9","#, replacement)], &[]).unwrap();
        assert_eq!(evidence.entries[0].integrated, None);
    }
    let evidence = read(Version::V03, &[with(r#""logIndex":"5","#, "")], &[]).unwrap();
    assert_eq!(evidence.entries[0].index, 0);
}

#[test]
fn numbers_have_one_form() {
    for number in ["-1", "+5", "05", "00", "5.0", "5e0", " 5", "0x5", "", "9223372036854775808", "٥"] {
        assert_eq!(
            code(with(r#""logIndex":"5""#, &format!(r#""logIndex":"{number}""#))),
            "E-BUNDLE",
            "{number}"
        );
    }
    assert_eq!(code(with(r#""logIndex":"5""#, r#""logIndex":5"#)), "E-BUNDLE");
    assert_eq!(code(with(r#""logIndex":"5""#, r#""logIndex":"9223372036854775807""#)), "ok");
    assert_eq!(code(with(r#""treeSize":"4""#, r#""treeSize":4"#)), "E-BUNDLE");
}

#[test]
fn bytes_have_one_form() {
    for text in ["AQI", "AQJ=", "AQI=\\n", "_-I=", "AQI==", "AQ I="] {
        assert_eq!(code(with("\"AQI=\"", &format!("\"{text}\""))), "E-BUNDLE", "{text}");
    }
}

#[test]
fn bodies_are_strict_json() {
    let with_body = |body: &str| code(with(BODY, &STANDARD.encode(body)));
    assert_eq!(with_body(r#"{"a":1,"\u0061":2}"#), "E-DUPLICATE-KEY");
    assert_eq!(with_body("{}{}"), "E-JSON");
    assert_eq!(with_body(""), "E-JSON");
    assert_eq!(with_body(&"[".repeat(100_000)), "E-LIMIT");
    assert_eq!(with_body(&format!("\"{}\"", "x".repeat(BODY_LIMIT))), "E-LIMIT");
}

#[test]
fn every_version_demands_its_proof_of_every_entry() {
    let promised =
        with(r#""inclusionProof""#, r#""gone""#).replace(r#""gone":{"logIndex":"3","#, r#""gone":{"#);
    let start = promised.find(r#""gone""#).unwrap();
    let end = promised.find(r#","canonicalizedBody""#).unwrap();
    let promised = format!("{}{}", &promised[..start].trim_end().trim_end_matches(','), &promised[end..]);
    let proven = with(r#""inclusionPromise":{"signedEntryTimestamp":"AQI="},"#, "");
    let other = |entry: &str| entry.replace(r#""logIndex":"5""#, r#""logIndex":"6""#).replace(BODY, "W10=");
    let outcome =
        |version, entries: &[String]| read(version, entries, &[]).map_or_else(|error| error.code(), |_| "ok");
    assert_eq!(outcome(Version::V01, std::slice::from_ref(&promised)), "ok");
    assert_eq!(outcome(Version::V01, &[entry(), other(&proven)]), "E-LOG");
    for version in [Version::V02, Version::V03] {
        assert_eq!(outcome(version, std::slice::from_ref(&proven)), "ok");
        assert_eq!(outcome(version, &[entry(), other(&promised)]), "E-LOG");
    }
}

#[test]
fn what_stands_twice_is_refused_and_what_differs_is_not() {
    let outcome =
        |entries: &[String]| read(Version::V03, entries, &[]).map_or_else(|error| error.code(), |_| "ok");
    let moved = with(r#""logIndex":"5""#, r#""logIndex":"6""#);
    let changed = with(BODY, "W10=");
    assert_eq!(outcome(&[entry(), entry()]), "E-BUNDLE");
    assert_eq!(outcome(&[entry(), moved.clone()]), "E-BUNDLE");
    assert_eq!(outcome(&[entry(), changed]), "E-BUNDLE");
    assert_eq!(outcome(&[entry(), moved.replace(BODY, "W10=")]), "ok");
    let elsewhere = entry().replacen(&hash(), &STANDARD.encode([8; 32]), 1);
    assert_eq!(outcome(&[entry(), elsewhere]), "ok", "two logs may have the same");
    let token = r#"{"signedTimestamp":"AQI="}"#;
    let error = read(Version::V03, &[], &[token, " { \"signedTimestamp\" : \"AQI=\" }"]).unwrap_err();
    assert_eq!(error.code(), "E-BUNDLE");
}

#[test]
fn limits_are_exact() {
    let many = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| {
                with(r#""logIndex":"5""#, &format!(r#""logIndex":"{number}""#))
                    .replace(BODY, &STANDARD.encode(number.to_string()))
            })
            .collect()
    };
    assert!(read(Version::V03, &many(32), &[]).is_ok());
    assert_eq!(read(Version::V03, &many(33), &[]).unwrap_err().code(), "E-LIMIT");
    let tokens: Vec<String> = (0..33_u8)
        .map(|number| format!(r#"{{"signedTimestamp":"{}"}}"#, STANDARD.encode([number])))
        .collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert!(read(Version::V03, &[], &tokens[..32]).is_ok());
    assert_eq!(read(Version::V03, &[], &tokens).unwrap_err().code(), "E-LIMIT");
    let path = |count: usize| with(&format!("[\"{}\"]", hash()), &format!("{:?}", vec![hash(); count]));
    assert_eq!(code(path(64)), "ok");
    assert_eq!(code(path(65)), "E-LIMIT");
}

#[test]
fn an_entry_is_about_the_signature_that_stands_in_it_as_a_whole() {
    let about = |kind: &str, body: &str| {
        let entry = with(r#""kind":"dsse","version":"0.0.1""#, kind).replace(BODY, &STANDARD.encode(body));
        read(Version::V03, &[entry], &[]).unwrap().is_about(&[1, 2, 3]).is_ok()
    };
    let dsse = r#""kind":"dsse","version":"0.0.1""#;
    let intoto = r#""kind":"intoto","version":"0.0.2""#;
    assert!(about(dsse, r#"{"signature":"AQID"}"#));
    assert!(!about(dsse, r#"{"signature":"xAQID"}"#));
    assert!(!about(dsse, r#"{"signature":"AQIDx"}"#));
    assert!(!about(dsse, "{}"));
    assert!(about(intoto, r#"{"sig":"QVFJRA=="}"#));
    assert!(!about(intoto, r#"{"sig":"AQID"}"#));
}
