//! What is demanded of a release.

use jiff::{SignedDuration, Timestamp};
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_release::{
    Channel, ChannelDocument, ChannelId, ChannelRefresh, Contents, Floor, ManifestRef, Reason, ReasonCode,
    Record, Release, RollbackTarget, Status, Wanted,
};
use lacre_testkit::{Sealed, TufSimulator};
use serde_json::json;

use crate::scene::{base, identity, plain, rule, sample, verdict_with};

const ID: &str = "org/mini-lm@stable";

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

/// The model as release 1.0.0 with the counter 2, which is current; before it 0.9.0, after it 1.1.0, of other contents.
pub(crate) fn document(sealed: &Sealed) -> ChannelDocument {
    let ChannelId { model, channel } = ID.parse().unwrap();
    let root = sealed.statement()["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
    let contents = Contents {
        lacre: Blake3Digest::from_hex(&identity(sealed)).unwrap(),
        sha256: Sha256Digest::from_hex(&root).unwrap(),
    };
    let release = |version: &str, counter: u64, contents: Contents| Release {
        attestations: Vec::new(),
        counter,
        manifest: ManifestRef {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            repository: None,
            sha256: Sha256Digest::of(version.as_bytes()),
            size: 1234,
        },
        model_digests: contents,
        reason: None,
        status: Status::Active,
        version: version.parse().unwrap(),
    };
    let other = |text: &str| Contents {
        lacre: Blake3Digest::of(text.as_bytes()),
        sha256: Sha256Digest::of(text.as_bytes()),
    };
    ChannelDocument {
        channel,
        current: Some("1.0.0".parse().unwrap()),
        epoch: 1,
        expires: now() + SignedDuration::from_hours(24 * 7),
        floor: Floor { counter: 1 },
        issued: now(),
        model,
        releases: vec![
            release("0.9.0", 1, other("old")),
            release("1.0.0", 2, contents),
            release("1.1.0", 3, other("new")),
        ],
        rollback_targets: Vec::new(),
        rollout: None,
        schema_version: 1,
        sequence: 7,
    }
}

/// The channel, as somebody believes it who asks for the first time; its timestamp was signed so many hours ago.
pub(crate) fn channel(document: &ChannelDocument, hours: i64) -> Channel {
    let mut tuf = TufSimulator::new();
    let id = document.id();
    let lifetime = SignedDuration::from_hours(24 * 30);
    tuf.draft("root")["x-lacre-lifetimes"] =
        json!({"timestamp": lifetime.as_secs(), "channel": lifetime.as_secs()});
    tuf.draft("root")["x-lacre-epoch"] = json!(document.epoch);
    tuf.publish(&["root"]);
    let signed = now() - SignedDuration::from_hours(hours);
    tuf.draft("timestamp")["expires"] = json!((signed + lifetime).to_string());
    let bytes = document.to_bytes();
    tuf.delegate("targets", &id.role(), &[&id.target()]);
    tuf.add_target(&id.role(), &id.target(), &bytes);
    tuf.publish_all();
    let record = Record::anchored(id, tuf.file("2.root.json"), now()).unwrap();
    let mut refresh = ChannelRefresh::start(&record, now()).unwrap();
    while let Some(wanted) = refresh.wanted() {
        refresh.give(tuf.ask(&wanted.name)).unwrap_or_else(|error| panic!("{}: {error}", wanted.name));
    }
    refresh.finish().channel().unwrap()
}

/// The rule with these lines about the release, and the verdict when this channel was asked for this.
#[track_caller]
pub(crate) fn ask(
    sealed: &Sealed,
    lines: &str,
    channel: &Channel,
    wanted: &Wanted,
    floor: Option<u64>,
) -> String {
    let text = rule("", &format!("[policy.release]\nchannel = \"stable\"\n{lines}"));
    verdict_with(&text, sealed, &base(), &|it| {
        it.judge(&it.facts().channel(channel, wanted.clone(), None, floor))
    })
}

#[test]
fn a_channel_that_is_demanded_is_asked() {
    let sealed = sample();
    let asked = channel(&document(&sealed), 0);
    let text = rule("", "[policy.release]\nchannel = \"stable\"");
    assert_eq!(verdict_with(&text, &sealed, &base(), &plain), "E-POLICY-CHANNEL");
    let version = |text: &str| Wanted::Version(text.parse().unwrap());
    for (lines, wanted, floor, expected) in [
        ("", Wanted::Current, None, "strict"),
        ("", version("1.0.0"), None, "strict"),
        ("", Wanted::Contents(document(&sealed).releases[1].model_digests), None, "strict"),
        // Whoever asks for another release is told about another one.
        ("", version("1.1.0"), None, "E-ROLLBACK"),
        ("", version("7.0.0"), None, "E-RELEASE-UNKNOWN"),
        ("floor = 2", Wanted::Current, None, "strict"),
        ("floor = 3", Wanted::Current, None, "E-FLOOR"),
        ("", Wanted::Current, Some(3), "E-FLOOR"),
        ("floor = 1", Wanted::Current, Some(3), "E-FLOOR"),
        ("pin = \"1.0.0\"", Wanted::Current, None, "strict"),
        ("pin = \"1.0.1\"", Wanted::Current, None, "E-POLICY-PIN"),
        ("max-staleness = \"1h\"", Wanted::Current, None, "strict"),
        ("rollback = \"refuse\"\ndeprecated = \"refuse\"", Wanted::Current, None, "strict"),
        ("listed-attestations = \"required\"", Wanted::Current, None, "strict"),
    ] {
        let found = ask(&sealed, lines, &asked, &wanted, floor);
        assert_eq!(found, expected, "{lines} {wanted}");
    }
}

#[test]
fn another_channel_or_another_model_is_none() {
    let sealed = sample();
    let mut other = document(&sealed);
    other.channel = "canary".parse().unwrap();
    assert_eq!(ask(&sealed, "", &channel(&other, 0), &Wanted::Current, None), "E-POLICY-CHANNEL");
    let mut other = document(&sealed);
    other.model = "org/other".parse().unwrap();
    assert_eq!(ask(&sealed, "", &channel(&other, 0), &Wanted::Current, None), "E-POLICY-CHANNEL");
    // The current release of the right channel, and another model here.
    let mut other = document(&sealed);
    other.releases[1].model_digests.lacre = Blake3Digest::of(b"else");
    assert_eq!(ask(&sealed, "", &channel(&other, 0), &Wanted::Current, None), "E-POLICY-CHANNEL");
    let mut other = document(&sealed);
    other.current = Some("1.1.0".parse().unwrap());
    assert_eq!(ask(&sealed, "", &channel(&other, 0), &Wanted::Current, None), "E-POLICY-CHANNEL");
}

#[test]
fn what_the_channel_allows_and_the_policy_does_not() {
    let sealed = sample();
    let reason = Some(Reason { at: now(), code: ReasonCode::Regression, text: "it says so".to_owned() });
    let mut deprecated = document(&sealed);
    (deprecated.releases[1].status, deprecated.releases[1].reason) = (Status::Deprecated, reason.clone());
    let mut revoked = document(&sealed);
    (revoked.releases[1].status, revoked.releases[1].reason) = (Status::Revoked, reason);
    revoked.current = Some("1.1.0".parse().unwrap());
    let mut rollback = document(&sealed);
    rollback.current = Some("1.1.0".parse().unwrap());
    rollback.rollback_targets = vec![RollbackTarget {
        reason: "1.1.0 is slow".to_owned(),
        until: now() + SignedDuration::from_hours(24),
        version: "1.0.0".parse().unwrap(),
    }];
    let wanted = Wanted::Version("1.0.0".parse().unwrap());
    for (document, lines, expected) in [
        (&deprecated, "", "strict"),
        (&deprecated, "deprecated = \"allow\"", "strict"),
        (&deprecated, "deprecated = \"refuse\"", "E-POLICY-DEPRECATED"),
        (&revoked, "", "E-REVOKED"),
        (&rollback, "", "strict"),
        (&rollback, "rollback = \"allow\"", "strict"),
        (&rollback, "rollback = \"refuse\"", "E-POLICY-ROLLBACK"),
    ] {
        assert_eq!(ask(&sealed, lines, &channel(document, 0), &wanted, None), expected, "{lines}");
    }
}

#[test]
fn a_confirmation_is_neither_old_nor_of_tomorrow() {
    let sealed = sample();
    let document = document(&sealed);
    for (hours, lines, expected) in [
        (2, "", "strict"),
        (2, "max-staleness = \"3h\"", "strict"),
        (2, "max-staleness = \"1h\"", "E-POLICY-STALE"),
        (2, "max-staleness = \"119m\"", "E-POLICY-STALE"),
        (2, "max-staleness = \"2h\"", "strict"),
        // A stolen key of the timestamp could sign for long: what is confirmed tomorrow would never be old.
        (-2, "", "strict"),
        (-2, "max-staleness = \"2h\"", "E-POLICY-STALE"),
    ] {
        assert_eq!(
            ask(&sealed, lines, &channel(&document, hours), &Wanted::Current, None),
            expected,
            "{lines}"
        );
    }
}

#[test]
fn expressions_see_the_release() {
    let sealed = sample();
    let asked = channel(&document(&sealed), 0);
    for (cel, expected) in [
        ("release.version == '1.0.0' && release.counter >= 2", "strict"),
        ("release.channel == 'org/mini-lm@stable' && !release.deprecated", "strict"),
        ("release.counter > 2", "E-POLICY-EXPRESSION"),
        ("release.nothing > 2", "E-POLICY-EVALUATION"),
    ] {
        let text = rule(&format!("cel = \"{cel}\""), "[policy.release]\nchannel = \"stable\"");
        let found = verdict_with(&text, &sealed, &base(), &|it| {
            it.judge(&it.facts().channel(&asked, Wanted::Current, None, None))
        });
        assert_eq!(found, expected, "{cel}");
    }
}
