//! What a client sees of a channel, and what it asks for.

use jiff::SignedDuration;
use lacre_deliver::{Memory, first, follow, kept};
use lacre_publish::channel::Carrier;
use lacre_registry_client::{ArtifactFiles, Layout, RegistryName, RegistryOptions, Remote, Target, WebFiles};
use lacre_release::{Ask, StateStore, Wanted};
use lacre_testkit::registry::Registry;
use lacre_testkit::{HttpAnswer, HttpServer};

use crate::publisher::{InFolder, Publisher, after, client, now, put, tag};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What runs on a client now, or why nothing does.
fn current(files: &dyn lacre_registry_client::FileSet, memory: &Memory<'_>) -> String {
    match follow(files, memory, now()) {
        Err(error) => error.code().to_owned(),
        Ok(channel) => match channel.decide(&Ask::of(Wanted::Current)) {
            Ok(permit) => permit.release().version.to_string(),
            Err(error) => error.code().to_owned(),
        },
    }
}

#[test]
fn a_channel_in_a_layout_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Layout::create(&folder.path().join("store")).unwrap();
    let mut publisher = Publisher::new();
    publisher.put(&store);
    let open = || ArtifactFiles::open(&store, &Target::Tag(tag())).unwrap();
    let state = client(&open(), &publisher, &folder.path().join("state"));
    let memory = Memory::Kept(&state);
    assert_eq!(current(&open(), &memory), "E-RELEASE-UNKNOWN");
    for version in ["1.0", "2.0"] {
        publisher.publish(version, 1);
        publisher.put(&store);
        assert_eq!(current(&open(), &memory), version);
    }
    assert_eq!(kept(&memory, now()).unwrap().document(), publisher.live.document());
}

#[test]
fn a_channel_in_a_folder_is_followed_and_an_older_one_is_not() {
    let mut here = InFolder::new();
    let memory = Memory::Kept(&here.state);
    assert_eq!(current(&here.files, &memory), "1.0");
    let old = here.publisher.live.clone();
    here.publisher.publish("2.0", 1);
    here.publisher.put_in(&here.channel());
    assert_eq!(current(&here.files, &memory), "2.0");
    let before = here.state.read().unwrap();

    put(&Carrier::Folder(&here.files), &old);
    assert_eq!(current(&here.files, &memory), "E-REPLAY");
    assert_eq!(current(&here.files, &Memory::ReadOnly(&here.state)), "E-REPLAY");
    assert_eq!(here.state.read().unwrap().seen(), before.seen());
    assert!(here.state.read().unwrap().files().eq(before.files()), "nothing of the replay is kept");
    // Who has no memory cannot know; that is why nothing but trusting makes one.
    let (channel, _) = first(&here.files, here.publisher.anchor(), None, now()).unwrap();
    assert_eq!(channel.document().position().sequence, 2);
}

#[test]
fn what_a_web_server_serves_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let channel = folder.path().join("channel");
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    publisher.put_in(&channel);
    let folder_of_it = channel.clone();
    let server = HttpServer::start(move |request| {
        match std::fs::read(folder_of_it.join(request.target.trim_start_matches('/'))) {
            Ok(bytes) => HttpAnswer::Full(200, "application/json", bytes),
            Err(_) => HttpAnswer::Full(404, "text/plain", Vec::new()),
        }
    });
    let files = WebFiles::open(&server.url(), &RegistryOptions::new()).unwrap();
    let state = client(&files, &publisher, &folder.path().join("state"));
    assert_eq!(current(&files, &Memory::Kept(&state)), "1.0");
    publisher.publish("2.0", 1);
    publisher.put_in(&channel);
    assert_eq!(current(&files, &Memory::Kept(&state)), "2.0");
    std::fs::remove_file(channel.join("metadata/timestamp.json")).unwrap();
    assert_eq!(current(&files, &Memory::Kept(&state)), "E-TUF-MISSING");
}

/// The bar: one request when nothing changed, three otherwise (manifest, configuration, document).
#[test]
fn over_a_registry_it_takes_one_request_or_three() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start();
    let name = RegistryName::parse(&registry.host()).unwrap();
    let repository = "org/name".parse().unwrap();
    let remote = Remote::open(&name, &repository, &RegistryOptions::new());
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    publisher.put(&remote);
    let open = || ArtifactFiles::open(&remote, &Target::Tag(tag())).unwrap();
    let state = client(&open(), &publisher, &folder.path().join("state"));
    let requests = |wanted: &str| {
        registry.forget();
        assert_eq!(current(&open(), &Memory::Kept(&state)), wanted);
        registry.seen().len()
    };
    assert_eq!(requests("1.0"), 1);
    publisher.publish("2.0", 1);
    publisher.put(&remote);
    assert_eq!(requests("2.0"), 3);
    assert_eq!(requests("2.0"), 1);
    publisher.refresh(after(SignedDuration::from_hours(1)));
    publisher.put(&remote);
    assert_eq!(requests("2.0"), 2, "a new timestamp comes with the configuration, and the document is known");
}

#[test]
fn a_state_that_may_only_be_read_stays_as_it_is() {
    let mut here = InFolder::new();
    let before = here.state.read().unwrap();
    here.publisher.publish("2.0", 1);
    here.publisher.put_in(&here.channel());
    assert_eq!(current(&here.files, &Memory::ReadOnly(&here.state)), "2.0");
    assert_eq!(here.state.read().unwrap(), before);
}

#[test]
fn what_was_proven_before_a_failure_is_kept() {
    let mut here = InFolder::new();
    here.publisher.publish("2.0", 1);
    here.publisher.put_in(&here.channel());
    let channel = here.channel();
    std::fs::remove_dir_all(channel.join("targets")).unwrap();
    assert_eq!(current(&here.files, &Memory::Kept(&here.state)), "E-TUF-MISSING");
    let record = here.state.read().unwrap();
    let timestamp = std::fs::read(channel.join("metadata/timestamp.json")).unwrap();
    assert_eq!(record.file("timestamp.json"), Some(timestamp.as_slice()));
    assert_eq!(record.seen().unwrap().position.sequence, 2, "the document was not seen");
}

#[test]
fn without_a_look_at_the_carrier_what_was_kept_holds_until_it_expires() {
    let here = InFolder::new();
    let memory = Memory::Kept(&here.state);
    assert_eq!(kept(&memory, now()).unwrap().document().current.as_ref().unwrap().as_str(), "1.0");
    assert_eq!(kept(&memory, after(DAY)).unwrap_err().code(), "E-TUF-EXPIRED");
    assert_eq!(follow(&here.files, &memory, after(DAY)).unwrap_err().code(), "E-TUF-EXPIRED");
}

/// By default a timestamp lives a day, a snapshot a week and the document 90 days.
#[test]
fn what_expires_soon_is_named_and_what_never_lives_long_only_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    let files = publisher.put_in(folder.path());
    let named = |at: SignedDuration, within: SignedDuration| {
        let (channel, _) = first(&files, publisher.anchor(), None, after(at)).unwrap();
        channel.expiring(within).map(|status| status.role.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(SignedDuration::ZERO, DAY * 30), [""; 0]);
    assert_eq!(named(SignedDuration::from_hours(16), DAY * 30), [""; 0]);
    assert_eq!(named(SignedDuration::from_hours(17), DAY * 30), ["timestamp"]);
    assert_eq!(
        named(SignedDuration::from_hours(1), DAY * 90 - SignedDuration::from_mins(1)),
        ["org~name~stable"]
    );
    let long = named(SignedDuration::from_hours(1), DAY * 364 + SignedDuration::from_hours(23));
    assert_eq!(long, [""; 0], "not yet");
}

#[test]
fn a_clock_that_went_back_a_little_is_tolerated_and_a_day_is_not() {
    let here = InFolder::new();
    let memory = Memory::Kept(&here.state);
    assert!(follow(&here.files, &memory, after(SignedDuration::from_secs(-2))).is_ok());
    assert_eq!(follow(&here.files, &memory, after(-DAY)).unwrap_err().code(), "E-CLOCK");
}

#[test]
fn a_root_that_nobody_handed_out_anchors_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = Publisher::new();
    let files = publisher.put_in(&folder.path().join("channel"));
    let other = Publisher::new();
    assert_eq!(first(&files, other.anchor(), None, now()).unwrap_err().code(), "E-TUF-SIGNATURE");
    let wanted = "org/other@stable".parse().unwrap();
    let error = first(&files, publisher.anchor(), Some(wanted), now()).unwrap_err();
    assert_eq!(error.code(), "E-TUF-MISSING");
    assert_eq!(first(&files, b"{}".to_vec(), None, now()).unwrap_err().code(), "E-JSON");
}

#[test]
fn nothing_but_trusting_makes_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = Publisher::new();
    let files = publisher.put_in(&folder.path().join("channel"));
    let place = folder.path().join("state");
    let state = client(&files, &publisher, &place);
    std::fs::remove_file(place.join("state.json")).unwrap();
    assert_eq!(follow(&files, &Memory::Kept(&state), now()).unwrap_err().code(), "E-STATE-MISSING");
    let id = "org/name@stable".parse().unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    assert_eq!(StateStore::open(&place, &id).unwrap_err().code(), "E-STATE-MISSING");
}
