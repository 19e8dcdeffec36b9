//! What it costs to verify a keyless bundle, without a process around it and without any content.
//!
//! `keyless_cost BUNDLE TRUSTED_ROOT IDENTITY ISSUER` prints one line of JSON: microseconds of this thread's processor
//! time, the median of many rounds, to read the trusted root and to verify the bundle (reading it included).
//!
//! ```text
//! cargo run --release --package lacre-verify --features sigstore --example keyless_cost -- model.sig root.json ID URL
//! ```

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write as _};

use lacre_verify::{
    Endorsement, KeylessIdentity, Limits, Requirements, SubjectMatch, Trust, TrustedRoot, Unverified,
};
use rustix::time::{ClockId, clock_gettime};

/// Rounds; the first tenth warms up and does not count.
const ROUNDS: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, root, identity, issuer] = words.as_slice() else {
        return Err("keyless_cost BUNDLE TRUSTED_ROOT IDENTITY ISSUER".into());
    };
    let (bundle, root) = (fs::read(bundle)?, fs::read(root)?);
    let limits = Limits::default();
    let read_root = || TrustedRoot::from_json(&root, &limits);
    let expected = KeylessIdentity::new(SubjectMatch::Exact(identity.clone()), issuer)?;
    let requirements = Requirements::new(Trust::keyless(read_root()?, vec![expected])?);
    let verify = || Unverified::<Endorsement>::parse(&bundle, &limits)?.verify(&requirements);
    verify().map_err(|failure| failure.to_string())?;
    let root_cost = median(|| drop(black_box(read_root())));
    let bundle_cost = median(|| drop(black_box(verify())));
    writeln!(
        io::stdout(),
        "{{\"root_microseconds\":{root_cost:.1},\"bundle_microseconds\":{bundle_cost:.1}}}"
    )?;
    Ok(())
}

/// Microseconds of this thread's time for one turn.
fn median(turn: impl Fn()) -> f64 {
    let mut costs: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = clock_gettime(ClockId::ThreadCPUTime);
            turn();
            let end = clock_gettime(ClockId::ThreadCPUTime);
            #[expect(clippy::cast_precision_loss, reason = "a turn takes milliseconds")]
            let nanoseconds =
                ((end.tv_sec - begin.tv_sec) * 1_000_000_000 + (end.tv_nsec - begin.tv_nsec)) as f64;
            nanoseconds / 1000.0
        })
        .skip(ROUNDS / 10)
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}
