//! `lacre pull --reuse`, and `--cache`, where files can share their bytes on the disk: btrfs and XFS.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use lacre_testkit::noise;

use crate::bench::{Bench, Said};

/// The size of the file that both versions have in common, but for one MiB.
const LARGE: usize = 48 << 20;

/// Whether a program can be run, and is content.
fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Two versions in `store`, whose `large.bin` differ in one MiB.
fn two_versions() -> Bench {
    let bench = Bench::new();
    bench.key("k");
    let mut large = noise(1, LARGE);
    bench.write("MODEL/large.bin", &large);
    bench.write("MODEL/small.txt", b"same");
    bench.good("sign MODEL --key k.key --name m --version 1");
    bench.good("push MODEL oci:store:v1");
    large[LARGE / 2] ^= 1;
    bench.write("MODEL/large.bin", &large);
    bench.good("sign MODEL --key k.key --name m --version 2 --force");
    bench.good("push MODEL oci:store:v2");
    bench
}

/// Runs a script with `disk` mounted as a file system of this kind, in a mount namespace of its own: the mount goes with
/// the process. Nothing where that is not possible.
fn on(kind: &str, bench: &Bench, script: &str) -> Option<Said> {
    let maker = format!("mkfs.{kind}");
    if !runs(&maker, &["-V"]) {
        eprintln!("SKIPPED: there is no {maker} here: nothing was shared on {kind}");
        return None;
    }
    if !runs("unshare", &["-m", "true"]) {
        eprintln!("SKIPPED: no mount namespace can be made here: nothing was shared on {kind}");
        return None;
    }
    File::create(bench.path("image")).unwrap().set_len(512 << 20).unwrap();
    let made = Command::new(&maker).arg("-q").arg(bench.path("image")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::create_dir_all(bench.path("disk")).unwrap();
    let script = format!("mount -o loop image disk || exit 99; set -e; {script}");
    let mut command = Command::new("unshare");
    let own = bench.command();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(bench.path("")).args(["-m", "sh", "-c", &script]).stdin(Stdio::null());
    let said = Said::of(&mut command);
    if said.exit == Some(99) {
        eprintln!("SKIPPED: no {kind} can be mounted here ({}): nothing was shared", said.stderr.trim());
        return None;
    }
    Some(said)
}

/// The free bytes of the disk before and after the last command, by the script's two last lines.
fn grown(said: &Said) -> u64 {
    let numbers: Vec<u64> = said.stdout.lines().filter_map(|line| line.parse().ok()).collect();
    let [.., before, after] = numbers[..] else { panic!("{said:?}") };
    before.saturating_sub(after)
}

#[test]
fn what_is_the_same_takes_no_room_twice() {
    let lacre = env!("CARGO_BIN_EXE_lacre");
    let free = "sync; echo $(($(stat -f -c '%f * %S' disk)))";
    let pull = |version: u32, into: &str, more: &str| {
        format!("'{lacre}' pull oci:store:v{version} disk/{into} --key k.pub {more}")
    };
    let first = pull(1, "old", "");
    for kind in ["btrfs", "xfs"] {
        let bench = two_versions();
        let second = pull(2, "new", "--reuse disk/old --json");
        // Whoever writes to one of the two afterwards changes nothing in the other.
        let check = format!(
            "'{lacre}' verify disk/new --key k.pub >&2; '{lacre}' verify disk/old --key k.pub >&2; \
             printf x | dd of=disk/old/large.bin conv=notrunc status=none; '{lacre}' verify disk/new --key k.pub >&2"
        );
        let script = format!("{first}; {free}; {second} >moved; {free}; {check}");
        let Some(said) = on(kind, &bench, &script) else { continue };
        assert_eq!(said.exit, Some(0), "{kind}: {said:?}");
        let grown = grown(&said);
        assert!(grown < 8 << 20, "{kind}: {grown} bytes more for 1 MiB that differs");
        let moved: serde_json::Value = serde_json::from_slice(&bench.read("moved")).unwrap();
        let moved = &moved["result"]["moved"];
        assert_eq!(moved["fetched"], 1 << 20, "{kind}: {moved}");
        assert_eq!(moved["reused"], LARGE + 4 - (1 << 20), "{kind}: {moved}");
    }
}

/// What lies in the older folder is anybody's: what is shared is proven where it came to lie.
#[test]
fn what_is_shared_is_proven_all_the_same() {
    let lacre = env!("CARGO_BIN_EXE_lacre");
    for kind in ["btrfs", "xfs"] {
        let bench = two_versions();
        let pull = format!("'{lacre}' pull oci:store:v1");
        let script = format!(
            "mkdir disk/old; cp MODEL/large.bin disk/old/large.bin; \
             printf xyz | dd of=disk/old/large.bin bs=1 seek=5000000 conv=notrunc status=none; \
             truncate -s 40000001 disk/old/large.bin; \
             {pull} disk/new --key k.pub --reuse disk/old --json; \
             '{lacre}' verify disk/new --key k.pub >&2; \
             {pull} disk/cached --key k.pub --cache disk/cache --json >&2; \
             {pull} disk/again --key k.pub --cache disk/cache --json; '{lacre}' verify disk/again --key k.pub >&2"
        );
        let Some(said) = on(kind, &bench, &script) else { continue };
        assert_eq!(said.exit, Some(0), "{kind}: {said:?}");
        let moved: Vec<serde_json::Value> =
            said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let reused = moved[0]["result"]["moved"]["reused"].as_u64().unwrap();
        // 38 whole groups, of which two are others: one that was written into, one that the version changed.
        assert_eq!(reused, 36 << 20, "{kind}: {moved:?}");
        assert_eq!(moved[1]["result"]["moved"]["fetched"], 0, "{kind}: {moved:?}");
    }
}
