//! A relay in front of somebody else's registry: it counts what goes there, and can hold it back.

use std::io::{Read as _, Write as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A relay to one address, on a port of its own.
pub(crate) struct Relay {
    address: SocketAddr,
    river: Arc<River>,
}

/// What all connections share.
struct River {
    level: Mutex<Level>,
    changed: Condvar,
}

struct Level {
    /// Bytes that went to the registry.
    passed: u64,
    /// No more than so many go there.
    most: u64,
    /// Whether some wait.
    waiting: bool,
    /// Connections that the registry has not closed yet.
    open: usize,
}

impl Relay {
    pub(crate) fn to(host: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, host) = (listener.local_addr().unwrap(), host.to_owned());
        let level = Level { passed: 0, most: u64::MAX, waiting: false, open: 0 };
        let river = Arc::new(River { level: Mutex::new(level), changed: Condvar::new() });
        let shared = Arc::clone(&river);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (river, server) = (Arc::clone(&shared), TcpStream::connect(&host).unwrap());
                river.level.lock().unwrap().open += 1;
                thread::spawn(move || connection(&client, &server, &river));
            }
        });
        Self { address, river }
    }

    /// `127.0.0.1:PORT`, as references begin.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn passed(&self) -> u64 {
        self.river.level.lock().unwrap().passed
    }

    /// Lets so many more bytes through.
    pub(crate) fn hold_after(&self, bytes: u64) {
        let mut level = self.river.level.lock().unwrap();
        level.most = level.passed + bytes;
    }

    /// Whether bytes wait, within a moment.
    pub(crate) fn holds(&self) -> bool {
        let (level, moment) = (self.river.level.lock().unwrap(), Duration::from_millis(10));
        self.river.changed.wait_timeout_while(level, moment, |level| !level.waiting).unwrap().0.waiting
    }

    /// Lets everything through.
    pub(crate) fn release(&self) {
        let mut level = self.river.level.lock().unwrap();
        (level.most, level.waiting) = (u64::MAX, false);
        self.river.changed.notify_all();
    }

    /// Waits until the registry has closed every connection whose client is gone.
    pub(crate) fn settle(&self) {
        let level = self.river.level.lock().unwrap();
        drop(self.river.changed.wait_while(level, |level| level.open > 0).unwrap());
    }
}

impl River {
    /// Lets some of these bytes through, at least one.
    fn pass(&self, bytes: usize) -> usize {
        let mut level = self.level.lock().unwrap();
        while level.passed == level.most {
            level.waiting = true;
            self.changed.notify_all();
            level = self.changed.wait(level).unwrap();
        }
        let room = usize::try_from(level.most - level.passed).unwrap_or(usize::MAX).min(bytes);
        level.passed += room as u64;
        room
    }
}

fn connection(client: &TcpStream, server: &TcpStream, river: &River) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut from, mut to) = (server, client);
            // Whoever goes away ends it: that is what the tests are about.
            let _ = copy(&mut from, &mut to);
            let _ = client.shutdown(Shutdown::Both);
        });
        let (mut from, mut to) = (client, server);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(river.pass(rest.len()));
                if to.write_all(now).is_err() {
                    break;
                }
                rest = later;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
    });
    river.level.lock().unwrap().open -= 1;
    river.changed.notify_all();
}
