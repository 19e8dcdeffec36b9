//! Every kernel against `sha2`, and against the vectors of NIST.

#![allow(clippy::cast_possible_truncation, reason = "the places of a test text are small numbers")]

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use sha2::Digest as _;

use super::constants::{Block, INITIAL, State};
use super::kernel::Kernel;
use super::lanes::{self, Lane};
use super::many::digest_many_with;
use super::plan::{Plan, WIDEST};
use super::stream::{finalize_each_with, update_each_with};
use super::{Sha256, digest_many, finalize_each, kernel_for, messages_wanted, update_each};

/// A plan that uses one kernel whatever the number of messages, for each kernel; and the plan of this machine.
fn plans() -> Vec<(&'static str, Plan)> {
    let each = |kernel: Kernel| (kernel.name(), Plan::new(&[(kernel, Duration::from_secs(1))]));
    let all = |slowest: usize| {
        // Two plans that change kernels as messages come to their end.
        let cost = move |(at, kernel)| (kernel, Duration::from_secs(if at == slowest { 1000 } else { 1 }));
        Plan::new(&Kernel::available().into_iter().enumerate().map(cost).collect::<Vec<_>>())
    };
    let mut plans: Vec<_> = Kernel::available().into_iter().map(each).collect();
    plans.push(("widest", all(usize::MAX)));
    plans.push(("not sha2", all(0)));
    plans
}

/// Bytes that differ at every place, for a seed.
fn text(seed: u32, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (seed.wrapping_mul(0x9E37_79B9) ^ (at as u32).wrapping_mul(0x85EB_CA6B)) >> 11)
        .map(|x| x as u8)
        .collect()
}

fn oracle(message: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(message).into()
}

fn oracles(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    messages.iter().map(|message| oracle(message)).collect()
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Hashes pieces of messages, turn by turn: in turn `n` each message gets its `n`th piece.
fn in_pieces(plan: &Plan, messages: &[Vec<&[u8]>]) -> Vec<[u8; 32]> {
    let mut hashers = vec![Sha256::new(); messages.len()];
    for turn in 0..messages.iter().map(Vec::len).max().unwrap_or(0) {
        let mut work: Vec<(&mut Sha256, &[u8])> = hashers
            .iter_mut()
            .zip(messages)
            .filter_map(|(hasher, pieces)| Some((hasher, *pieces.get(turn)?)))
            .collect();
        update_each_with(&mut work, plan);
    }
    finalize_each_with(hashers, plan)
}

/// Vectors that NIST published: FIPS 180-4 examples, the CAVP file `SHA256ShortMsg.rsp` (byte oriented), and the additional
/// long and border messages of the examples page of SHA-256.
fn vectors() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (b"abc".to_vec(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
                .to_vec(),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (vec![b'a'; 1_000_000], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        (unhex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (unhex("d3"), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        (unhex("11af"), "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
        (unhex("b4190e"), "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2"),
        (unhex("74ba2521"), "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e"),
        (unhex("c299209682"), "f0887fe961c9cd3beab957e8222494abb969b1ce4c6557976df8b0f6d20e9166"),
        (unhex("e1dc724d5621"), "eca0a060b489636225b4fa64d267dabbe44273067ac679f20820bddc6b6a90ac"),
        (unhex("06e076f5a442d5"), "3fd877e27450e6bbd5d74bb82f9870c64c66e109418baa8e6bbcff355e287926"),
        (unhex("5738c929c4f4ccb6"), "963bb88f27f512777aab6c8b1a02c70ec0ad651d428f870036e1917120fb48bf"),
        (unhex("bd"), "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
        (unhex("c98c8e55"), "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"),
        (vec![0; 55], "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
        (vec![0; 56], "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
        (vec![0; 57], "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
        (vec![0; 64], "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
        (vec![0; 1000], "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
        (vec![0x41; 1000], "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4"),
        (vec![0x55; 1005], "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0"),
        (vec![0; 1_000_000], "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"),
    ]
}

#[test]
fn nist_vectors_on_every_kernel() {
    let vectors = vectors();
    let messages: Vec<&[u8]> = vectors.iter().map(|(message, _)| message.as_slice()).collect();
    let wanted: Vec<_> = vectors.iter().map(|(_, digest)| (*digest).to_owned()).collect();
    for (name, plan) in plans() {
        let found: Vec<_> = digest_many_with(&messages, &plan).iter().map(hex).collect();
        assert_eq!(found, wanted, "{name}");
        // Each vector in all lanes of the kernel at once.
        for (message, digest) in vectors.iter().filter(|(message, _)| message.len() < 2000) {
            let many = digest_many_with(&[message.as_slice(); WIDEST], &plan);
            assert!(many.iter().all(|found| hex(found) == *digest), "{name}");
        }
    }
    for (message, digest) in &vectors {
        assert_eq!(hex(&Sha256::digest(message)), *digest);
    }
}

/// Long messages were wrong in one kernel of one library, and only there. Each kernel takes messages of mebibytes, in
/// every lane, whole and in pieces; the digests are those of `head -c N /dev/zero | tr '\\0' 'Z' | sha256sum`.
#[test]
fn rustsec_2021_0100_long_messages_on_every_kernel() {
    let wanted = [
        (2 * 1024 * 1024 - 1, "a0bd29e099103acf4d826a3f3dc5251f31774edd51d033d95a1139391ebee16d"),
        (2 * 1024 * 1024, "e609118bb7a5a46616cf9c9e5c32728012b142d413d49bed22363bc4a9dc14dc"),
        (2 * 1024 * 1024 + 65, "614c9edb9238bdce28c6203a5dfbbca2f692bdd887fe476269882fe1d9f413f0"),
    ];
    let messages: Vec<Vec<u8>> = wanted.iter().map(|(length, _)| vec![b'Z'; *length]).collect();
    let whole: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let pieces: Vec<Vec<&[u8]>> = messages.iter().map(|message| message.chunks(777_777).collect()).collect();
    for (name, plan) in plans() {
        for found in [digest_many_with(&whole, &plan), in_pieces(&plan, &pieces)] {
            let found: Vec<_> = found.iter().map(hex).collect();
            assert_eq!(found, wanted.map(|(_, digest)| digest), "{name}");
        }
    }
}

/// The first of the pseudorandom messages of CAVP (`SHA256Monte.rsp`, COUNT = 0): a thousand digests, each over the last three.
#[test]
fn nist_monte_carlo_on_every_kernel() {
    let seed = unhex("6d1e72ad03ddeb5de891e572e2396f8da015d899ef0e79503152d6010a3fe691");
    for (name, plan) in plans() {
        let mut last = [seed.clone(), seed.clone(), seed.clone()];
        for _ in 0..1000 {
            let message = last.concat();
            let digests = digest_many_with(&[&message, &message], &plan);
            assert_eq!(digests[0], digests[1], "{name}");
            last.rotate_left(1);
            last[2] = digests[0].to_vec();
        }
        let wanted = "e93c330ae5447738c8aa85d71a6c80f2a58381d05872d26bdd39f1fcd4f2b788";
        assert_eq!(last[2], unhex(wanted), "{name}");
    }
}

#[test]
fn every_kernel_on_every_number_of_blocks_and_lanes() {
    let blocks: Vec<Block> = text(7, 64 * 400).as_chunks().0.to_vec();
    for kernel in Kernel::available() {
        for count in (0..=5).chain([31, 32, 33]) {
            for used in 1..=kernel.width() {
                // States that differ, and blocks that differ, so that no lane can stand for another.
                let mut found: Vec<State> = (0..used)
                    .map(|lane| std::array::from_fn(|word| INITIAL[word].rotate_left(lane as u32)))
                    .collect();
                let mut wanted = found.clone();
                let mut lanes: Vec<_> = found
                    .iter_mut()
                    .enumerate()
                    .map(|(lane, state)| Lane { state, blocks: &blocks[lane * 3..lane * 3 + 40], then: &[] })
                    .collect();
                kernel.run(&mut lanes, count);
                assert!(lanes.iter().all(|lane| lane.blocks.len() == 40 - count));
                for (lane, state) in wanted.iter_mut().enumerate() {
                    sha2::block_api::compress256(state, &blocks[lane * 3..lane * 3 + count]);
                }
                assert_eq!(found, wanted, "{} blocks {count} lanes {used}", kernel.name());
            }
        }
    }
}

#[test]
fn all_lengths_from_0_to_300() {
    let texts: Vec<_> = (0..=300).map(|length| text(length as u32, length)).collect();
    let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let wanted = oracles(&messages);
    for (name, plan) in plans() {
        assert_eq!(digest_many_with(&messages, &plan), wanted, "{name}");
        // One length in all lanes: every kernel meets every border of the padding.
        for (length, wanted) in wanted.iter().enumerate() {
            let same = vec![messages[length]; 5];
            assert_eq!(digest_many_with(&same, &plan), vec![*wanted; 5], "{name} {length}");
        }
    }
    assert_eq!(digest_many(&messages), wanted);
    assert_eq!(messages.iter().map(|message| Sha256::digest(message)).collect::<Vec<_>>(), wanted);
}

#[test]
fn one_to_33_messages_equal_and_unequal() {
    for count in 1..=33_usize {
        let equal: Vec<_> = (0..count).map(|at| text(at as u32, 64 * 70 + 5)).collect();
        let unequal: Vec<_> = (0..count).map(|at| text(at as u32, (at * 977) % 6000)).collect();
        for texts in [equal, unequal] {
            let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            let wanted = oracles(&messages);
            for (name, plan) in plans() {
                assert_eq!(digest_many_with(&messages, &plan), wanted, "{name} {count}");
                let pieces: Vec<Vec<&[u8]>> =
                    messages.iter().map(|message| message.chunks(1000).collect()).collect();
                assert_eq!(in_pieces(&plan, &pieces), wanted, "{name} {count} in pieces");
            }
        }
    }
}

#[test]
fn every_split_of_a_message_at_block_borders() {
    let message = text(3, 200);
    let wanted = oracle(&message);
    for first in 0..=130 {
        for second in [first, first + 1, first + 63, first + 64, first + 65, 200] {
            let second = second.min(200);
            let pieces = vec![&message[..first], &message[first..second], &message[second..]];
            for (name, plan) in plans() {
                let found = in_pieces(&plan, &vec![pieces.clone(); 3]);
                assert_eq!(found, vec![wanted; 3], "{name} {first} {second}");
            }
            let mut alone = Sha256::new();
            for piece in &pieces {
                alone.update(piece);
            }
            assert_eq!(alone.finalize(), wanted, "{first} {second}");
        }
    }
}

#[test]
fn more_messages_than_a_batch_keep_their_order() {
    let texts: Vec<_> = (0..700_u32).map(|at| text(at, (at as usize * 37) % 150)).collect();
    let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    assert_eq!(digest_many(&messages), oracles(&messages));
}

#[test]
fn nothing_to_do_is_done() {
    assert_eq!(digest_many(&[]), Vec::<[u8; 32]>::new());
    assert_eq!(finalize_each([]), Vec::<[u8; 32]>::new());
    update_each(&mut []);
    for (_, plan) in plans() {
        lanes::advance(Vec::new(), &plan);
    }
    let mut untouched = Sha256::default();
    update_each(&mut [(&mut untouched, b"")]);
    assert_eq!(finalize_each([untouched.clone(), untouched]), vec![oracle(b""); 2]);
}

#[test]
fn one_large_message_among_small_ones() {
    let large = text(1, 300_000);
    let small: Vec<_> = (0..20).map(|at| text(at, 100)).collect();
    let mut messages: Vec<&[u8]> = small.iter().map(Vec::as_slice).collect();
    messages.insert(9, &large);
    for (name, plan) in plans() {
        assert_eq!(digest_many_with(&messages, &plan), oracles(&messages), "{name}");
    }
}

#[test]
fn the_plan_takes_the_kernel_that_does_most_in_a_time() {
    let kernels = Kernel::available();
    let narrow = Plan::new(&kernels.iter().map(|&kernel| (kernel, time(kernel.width()))).collect::<Vec<_>>());
    let wide = Plan::new(&kernels.iter().map(|&kernel| (kernel, time(1))).collect::<Vec<_>>());
    let widest = kernels.iter().map(|kernel| kernel.width()).max();
    for messages in 1..=40 {
        // As quick for each message as alone: nothing is won by more lanes.
        assert_eq!(narrow.best(messages), Kernel::SINGLE);
        assert!(wide.best(messages).width() <= messages.max(1).next_power_of_two());
    }
    assert_eq!(Some(wide.best(WIDEST).width()), widest);
    assert_eq!(Some(wide.best(1000).width()), widest);
    assert!((1..=WIDEST).contains(&messages_wanted()));
    assert!(kernels.iter().any(|kernel| kernel.name() == kernel_for(3)));
}

fn time(units: usize) -> Duration {
    Duration::from_micros(units as u64)
}

/// A message and the places where it is cut.
fn message() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let length = prop_oneof![
        0..=300_usize,
        (0..=40_usize).prop_map(|n| n * 64),
        (1..=40_usize).prop_map(|n| n * 64 - 1),
        0..=9000_usize
    ];
    (any::<u32>(), length).prop_flat_map(|(seed, length)| {
        (Just(text(seed, length)), prop::collection::vec(0..=length, 0..5)).prop_map(|(text, mut cuts)| {
            cuts.sort_unstable();
            (text, cuts)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_messages_agree_with_sha2(messages in prop::collection::vec(message(), 0..=40)) {
        let messages: Vec<&[u8]> = messages.iter().map(|(text, _)| text.as_slice()).collect();
        let wanted = oracles(&messages);
        for (name, plan) in plans() {
            prop_assert_eq!(&digest_many_with(&messages, &plan), &wanted, "{}", name);
        }
        prop_assert_eq!(digest_many(&messages), wanted);
    }

    #[test]
    fn messages_in_pieces_agree_with_sha2(messages in prop::collection::vec(message(), 0..=33)) {
        let wanted: Vec<_> = messages.iter().map(|(text, _)| oracle(text)).collect();
        let pieces: Vec<Vec<&[u8]>> = messages
            .iter()
            .map(|(text, cuts)| {
                let ends = cuts.iter().copied().chain([text.len()]);
                ends.scan(0, |start, end| Some(&text[std::mem::replace(start, end)..end])).collect()
            })
            .collect();
        for (name, plan) in plans() {
            prop_assert_eq!(&in_pieces(&plan, &pieces), &wanted, "{}", name);
        }
    }
}
