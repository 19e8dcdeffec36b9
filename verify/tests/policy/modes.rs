//! What comes of a demand that is not met; and what is never waived.

use std::time::{Duration, SystemTime};

use lacre_testkit::{ModelDir, tamper};

use crate::scene::{OTHER, base, load, of, plain, rule, sample, stanza, table, verdict, verdict_with};

/// Two demands that no plain model meets, and one that it does.
const UNMET: &str = "transparency = \"required\"\nmax-age = \"1d\"\ndigests = [\"blake3\"]";

fn glass(until: &str) -> String {
    format!("[policy.break-glass]\nwho = \"on call\"\nuntil = {until}\nreason = \"ticket 7\"")
}

#[test]
fn what_is_not_met_is_refused_or_waived_as_the_mode_says() {
    let sealed = sample();
    let waived = "waived E-POLICY-TRANSPARENCY E-POLICY-AGE";
    let (open, shut) = (glass("9000-01-01T00:00:00Z"), glass("2020-01-01T00:00:00Z"));
    let with = |mode: &str| format!("mode = \"{mode}\"\n{UNMET}");
    table(
        &sealed,
        &[
            ("", "", "strict"),
            ("mode = \"enforce\"", "", "strict"),
            ("mode = \"warn\"", "", "strict"),
            ("mode = \"audit\"", "", "strict"),
            (UNMET, "", "E-POLICY-TRANSPARENCY"),
            (&with("enforce"), "", "E-POLICY-TRANSPARENCY"),
            (&with("warn"), "", waived),
            (&with("audit"), "", waived),
            ("", &open, "strict"),
            (UNMET, &open, waived),
            (UNMET, &shut, "E-POLICY-TRANSPARENCY"),
            (&with("warn"), &shut, waived),
        ],
    );
}

#[test]
fn a_break_glass_ends_at_its_moment() {
    let sealed = sample();
    let text = rule(UNMET, &glass("2026-06-01T02:00:00+02:00"));
    let until = SystemTime::from("2026-06-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap());
    let second = Duration::from_secs(1);
    for (now, expected) in [
        (until - second, "waived E-POLICY-TRANSPARENCY E-POLICY-AGE"),
        (until, "E-POLICY-TRANSPARENCY"),
        (until + second, "E-POLICY-TRANSPARENCY"),
    ] {
        let found = verdict_with(&text, &sealed, &base(), &|it| it.judge(&it.facts().assume_now_danger(now)));
        assert_eq!(found, expected);
    }
}

#[test]
fn who_suspended_a_rule_is_told_where_it_mattered() {
    let sealed = sample();
    for (lines, told) in [("", false), (UNMET, true)] {
        let policy = load(&rule(lines, &glass("9000-01-01T00:00:00Z")));
        let passed = crate::scene::admit(&policy.toml, &sealed, &base(), &plain).unwrap();
        assert_eq!(passed.judgement.break_glass().is_some(), told);
    }
}

#[test]
fn signatures_signers_and_content_are_never_waived() {
    let open = glass("9000-01-01T00:00:00Z");
    for (lines, after) in [("mode = \"warn\"", ""), ("mode = \"audit\"", ""), ("", open.as_str())] {
        let text = rule(lines, after);
        let stranger = of(ModelDir::sample()).key(&OTHER).sign();
        assert_eq!(verdict(&text, &stranger), "E-SIGNER-UNTRUSTED");
        let changed = sample();
        tamper::flip(&changed.model().entry("model.safetensors"), 9);
        assert_eq!(verdict(&text, &changed), "E-FILE-CHANGED", "{lines}");
        let more = sample();
        more.model().put("more.txt", "more");
        assert_eq!(verdict(&text, &more), "E-FILE-EXTRA");
        let broken = sample();
        let bundle = lacre_testkit::edit_bundle(broken.bundle(), |bundle| {
            bundle["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA".into();
        });
        broken.write_bundle(&bundle);
        assert_eq!(verdict(&text, &broken), "E-SIGNATURE-INVALID");
        let two = text.replace("[[policy.trust.key]]", "[policy.trust]\nsigners = 2\n[[policy.trust.key]]");
        let two = two.replacen(
            &stanza("policy.trust", &crate::scene::KEY, "")[1..],
            &{
                let mut both = stanza("policy.trust", &crate::scene::KEY, "")[1..].to_owned();
                both.push_str(&stanza("policy.trust", &OTHER, ""));
                both
            },
            1,
        );
        assert_eq!(verdict(&two, &sample()), "E-TOO-FEW-SIGNERS");
        let none = text.replace("name = \"only\"", "name = \"only\"\nmodel = [\"other/*\"]");
        assert_eq!(verdict(&none, &sample()), "E-POLICY-NO-MATCH");
    }
}
