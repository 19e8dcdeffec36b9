//! A state on its way from one machine to another.

use lacre_attest::KeyAlgorithm;
use lacre_deliver::CarriedState;
use lacre_release::Record;
use lacre_sign::{FileKey, Signer as _};

use crate::publisher::{Publisher, client};

#[test]
fn a_carried_state_is_signed_by_a_key_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = Publisher::new();
    let files = publisher.put_in(&folder.path().join("channel"));
    let state = client(&files, &publisher, &folder.path().join("state")).read().unwrap().export();
    let (ours, theirs) = (
        FileKey::generate(KeyAlgorithm::Ed25519).unwrap(),
        FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(),
    );
    for (key, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let signature = key.sign(&CarriedState::to_be_signed(&state)).unwrap();
        let bytes = CarriedState::new(&state, &signature).to_bytes();
        let read = CarriedState::parse(&bytes).unwrap();
        assert_eq!(read.verify(&[key.public_key().clone()]).unwrap(), state);
        let refused = read.verify(&[other.public_key().clone()]).unwrap_err();
        assert_eq!(refused.code(), "E-SIGNATURE-INVALID");
        assert_eq!(read.verify(&[]).unwrap_err().code(), "E-SIGNATURE-INVALID");
    }
    let signature = ours.sign(&CarriedState::to_be_signed(&state)).unwrap();
    let bytes = CarriedState::new(&state, &signature).to_bytes();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        let outcome = CarriedState::parse(&bad).and_then(|read| read.verify(&[ours.public_key().clone()]));
        assert!(outcome.is_err(), "byte {at}");
    }
}

#[test]
fn what_another_machine_saw_counts_here_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::new();
    publisher.publish("1.0", 1);
    let files = publisher.put_in(&folder.path().join("channel"));
    let behind = client(&files, &publisher, &folder.path().join("behind"));
    publisher.publish("2.0", 1);
    let newer = publisher.put_in(&folder.path().join("newer"));
    let ahead = client(&newer, &publisher, &folder.path().join("ahead")).read().unwrap().export();
    behind.update(|record: &mut Record| record.merge(&ahead)).unwrap();
    let memory = lacre_deliver::Memory::Kept(&behind);
    let now = crate::publisher::now();
    assert_eq!(lacre_deliver::follow(&files, &memory, now).unwrap_err().code(), "E-REPLAY");
    assert_eq!(lacre_deliver::kept(&memory, now).unwrap_err().code(), "E-REPLAY");
    assert!(lacre_deliver::follow(&newer, &memory, now).is_ok());
}
