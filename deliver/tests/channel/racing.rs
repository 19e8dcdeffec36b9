//! Several clients with one state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lacre_deliver::{Memory, follow};

use crate::publisher::{Publisher, client, now};

/// Two follow while somebody publishes: neither ever goes back, and both arrive at the end.
#[test]
fn two_that_follow_with_one_state_never_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("channel");
    let mut publisher = Publisher::new();
    publisher.publish("0", 1);
    let files = publisher.put_in(&place);
    let state = client(&files, &publisher, &folder.path().join("state"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = || {
            let mut newest = 0;
            loop {
                let last = done.load(Ordering::SeqCst);
                match follow(&files, &Memory::Kept(&state), now()) {
                    Ok(channel) => {
                        let sequence = channel.document().sequence;
                        assert!(sequence >= newest, "{sequence} after {newest}");
                        newest = sequence;
                    }
                    // While files are replaced a reader may find one of the old ones gone.
                    Err(error) => assert_eq!(error.code(), "E-TUF-MISSING", "{error}"),
                }
                if last {
                    return newest;
                }
            }
        };
        let watchers = [scope.spawn(watch), scope.spawn(watch)];
        for version in 1..=20 {
            publisher.publish(&version.to_string(), 1);
            publisher.put_in(&place);
        }
        done.store(true, Ordering::SeqCst);
        for watcher in watchers {
            assert_eq!(watcher.join().unwrap(), publisher.live.document().sequence);
        }
    });
    assert_eq!(state.read().unwrap().seen().unwrap().position.sequence, 22);
}
