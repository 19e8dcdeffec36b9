//! From a permitted release to its artifact.

use lacre_deliver::Memory;
use lacre_deliver::{accepted, check_release, contents, follow, location};
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_registry_client::{Descriptor, IMAGE_MANIFEST, Reference};
use lacre_release::{Ask, Release, Wanted};
use lacre_testkit::{ModelDir, Seal};

use crate::publisher::{InFolder, Publisher, now};

fn release(publisher: &Publisher) -> Release {
    publisher.live.document().releases[0].clone()
}

#[test]
fn where_a_release_is_depends_on_who_says_so() {
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    let mut release = release(&publisher);
    let at = |text: &str| Reference::parse(text).unwrap();
    let digest = release.manifest.sha256;
    let found = |release: &Release, from: Option<&str>, channel: Option<&str>| {
        location(release, from.map(at).as_ref(), channel.map(at).as_ref())
            .map_or_else(|error| error.code().to_owned(), |found| found.to_string())
    };
    assert_eq!(found(&release, None, None), "E-USAGE");
    assert_eq!(found(&release, None, Some("oci:store:stable")), format!("oci:store@sha256:{digest}"));
    release.manifest.repository = Some("models.test/org/name".to_owned());
    assert_eq!(
        found(&release, None, Some("oci:store:stable")),
        format!("models.test/org/name@sha256:{digest}")
    );
    assert_eq!(found(&release, Some("oci:mine"), None), format!("oci:mine@sha256:{digest}"));
    // A layout would be a folder of this machine, which no channel has a say in.
    release.manifest.repository = Some("oci:/etc".to_owned());
    assert_eq!(found(&release, None, Some("oci:store:stable")), "E-USAGE");
    release.manifest.repository = Some("../x".to_owned());
    assert_eq!(found(&release, None, None), "E-REFERENCE");
}

#[test]
fn an_artifact_is_that_of_the_release_in_all_that_the_channel_says() {
    let claim = Seal::of(ModelDir::new().file("w", "weights")).claim();
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    let manifest = Descriptor::of(IMAGE_MANIFEST, b"manifest");
    let mut good = release(&publisher);
    good.manifest.sha256 = manifest.digest;
    good.manifest.size = manifest.size;
    good.model_digests = contents(&claim, claim.manifest()).unwrap();
    check_release(&good, &manifest, &claim).unwrap();
    let breaks: [fn(&mut Release); 5] = [
        |release| release.manifest.sha256 = Sha256Digest::of(b""),
        |release| release.manifest.size += 1,
        |release| release.manifest.media_type = "a/b".to_owned(),
        |release| release.model_digests.sha256 = Sha256Digest::of(b""),
        |release| release.model_digests.lacre = Blake3Digest::of(b""),
    ];
    for (number, change) in breaks.into_iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        assert_eq!(
            check_release(&bad, &manifest, &claim).unwrap_err().code(),
            "E-RELEASE-MISMATCH",
            "{number}"
        );
    }
}

#[test]
fn what_was_accepted_can_be_committed_unless_something_newer_was_seen() {
    let mut here = InFolder::new();
    let memory = Memory::Kept(&here.state);
    let permit = |memory: &Memory<'_>| {
        follow(&here.files, memory, now()).unwrap().decide(&Ask::of(Wanted::Current)).unwrap()
    };
    assert_eq!(here.state.update(lacre_release::Record::commit).unwrap_err().code(), "E-COMMIT");
    let first = permit(&memory);
    accepted(&Memory::ReadOnly(&here.state), &first).unwrap();
    assert_eq!(here.state.read().unwrap().accepted(), None, "who may only read accepts nothing");
    accepted(&memory, &first).unwrap();
    assert_eq!(here.state.update(lacre_release::Record::commit).unwrap(), 0);
    here.publisher.publish("2.0", 1);
    here.publisher.put_in(&here.channel());
    permit(&memory);
    assert_eq!(accepted(&memory, &first).unwrap_err().code(), "E-COMMIT");
}
