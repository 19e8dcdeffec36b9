//! The one token and the one key that a URI means.

use std::fmt::Write as _;

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, TokenInfo};
use lacre_attest::PublicKey;

use super::module::problem;
use super::point;
use super::uri::Parts;
use crate::SignerProblem;
use crate::problem::told;

/// The token that the URI means; exactly one must match.
pub(super) fn token(module: &Pkcs11, wanted: &Parts) -> Result<(Slot, TokenInfo), SignerProblem> {
    let mut tokens = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(|error| problem(&error))? {
        // A token that goes away in this moment is not there.
        if let Ok(info) = module.get_token_info(slot) {
            tokens.push((slot, info));
        }
    }
    let listed =
        |some: &[(Slot, TokenInfo)]| some.iter().map(|(slot, info)| token_words(*slot, info)).collect();
    let (mut matching, others): (Vec<_>, Vec<_>) =
        tokens.into_iter().partition(|(slot, info)| is_wanted(*slot, info, wanted));
    match matching.len() {
        0 => Err(SignerProblem::Absent { what: "token that matches".to_owned(), there: listed(&others) }),
        1 => Ok(matching.remove(0)),
        _ => Err(SignerProblem::Ambiguous { what: "the token".to_owned(), there: listed(&matching) }),
    }
}

fn is_wanted(slot: Slot, info: &TokenInfo, wanted: &Parts) -> bool {
    let same = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    same(&wanted.token, info.label())
        && same(&wanted.manufacturer, info.manufacturer_id())
        && same(&wanted.serial, info.serial_number())
        && same(&wanted.model, info.model())
        && wanted.slot.is_none_or(|wanted| wanted == slot.id())
}

fn token_words(slot: Slot, info: &TokenInfo) -> String {
    format!("token={:?} serial={:?} slot-id={}", told(info.label()), told(info.serial_number()), slot.id())
}

/// A private key, and what its public half says.
pub(super) struct Found {
    pub(super) key: ObjectHandle,
    pub(super) public: PublicKey,
}

/// The private key that the URI means; exactly one must match.
pub(super) fn key(session: &Session, wanted: &Parts) -> Result<Found, SignerProblem> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    template.extend(wanted.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(wanted.id.clone().map(Attribute::Id));
    let matching = objects(session, &template)?;
    match matching.as_slice() {
        [] => {
            let all = objects(session, &[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
            Err(SignerProblem::Absent { what: "private key that matches".to_owned(), there: words(&all) })
        }
        [key] => found(session, key),
        several => Err(SignerProblem::Ambiguous { what: "the key".to_owned(), there: words(several) }),
    }
}

/// What is known of an object.
struct Object {
    handle: ObjectHandle,
    label: Vec<u8>,
    id: Vec<u8>,
    kind: Option<KeyType>,
    parameters: Option<Vec<u8>>,
    point: Option<Vec<u8>>,
    may_sign: bool,
    always_asks: bool,
}

fn objects(session: &Session, template: &[Attribute]) -> Result<Vec<Object>, SignerProblem> {
    let handles = session.find_objects(template).map_err(|error| problem(&error))?;
    handles.into_iter().map(|handle| object(session, handle)).collect()
}

fn object(session: &Session, handle: ObjectHandle) -> Result<Object, SignerProblem> {
    let mut object = Object {
        handle,
        label: Vec::new(),
        id: Vec::new(),
        kind: None,
        parameters: None,
        point: None,
        may_sign: true,
        always_asks: false,
    };
    for wanted in [
        AttributeType::Label,
        AttributeType::Id,
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::EcPoint,
        AttributeType::Sign,
        AttributeType::AlwaysAuthenticate,
    ] {
        // One by one: some tokens answer nothing at all when one of several is not known to them.
        for attribute in session.get_attributes(handle, &[wanted]).map_err(|error| problem(&error))? {
            match attribute {
                Attribute::Label(label) => object.label = label,
                Attribute::Id(id) => object.id = id,
                Attribute::KeyType(kind) => object.kind = Some(kind),
                Attribute::EcParams(parameters) => object.parameters = Some(parameters),
                Attribute::EcPoint(point) => object.point = Some(point),
                Attribute::Sign(may) => object.may_sign = may,
                Attribute::AlwaysAuthenticate(always) => object.always_asks = always,
                _ => {}
            }
        }
    }
    Ok(object)
}

fn found(session: &Session, key: &Object) -> Result<Found, SignerProblem> {
    match key.kind {
        Some(KeyType::EC | KeyType::EC_EDWARDS) => {}
        Some(KeyType::RSA) => return Err(SignerProblem::Unsupported { found: "an RSA key".to_owned() }),
        _ => return Err(SignerProblem::Unsupported { found: "a key of this type".to_owned() }),
    }
    if !key.may_sign {
        return Err(SignerProblem::Key {
            detail: "the token does not let it sign (CKA_SIGN is false)".to_owned(),
        });
    }
    if key.always_asks {
        return Err(SignerProblem::Unsupported {
            found: "a key that wants the PIN before each signature (CKA_ALWAYS_AUTHENTICATE)".to_owned(),
        });
    }
    Ok(Found { key: key.handle, public: public_key(session, key)? })
}

/// The public half: from the public key object with the same identifier (or, without one, the same label), else from the
/// private key itself, where some tokens keep the point too.
fn public_key(session: &Session, key: &Object) -> Result<PublicKey, SignerProblem> {
    let same =
        if key.id.is_empty() { Attribute::Label(key.label.clone()) } else { Attribute::Id(key.id.clone()) };
    let publics = objects(session, &[Attribute::Class(ObjectClass::PUBLIC_KEY), same])?;
    let mut keys: Vec<PublicKey> = Vec::new();
    for half in publics.iter().chain([key]) {
        let parameters = half.parameters.as_ref().or(key.parameters.as_ref());
        if let (Some(parameters), Some(point)) = (parameters, &half.point) {
            let public = point::public_key(point::algorithm(parameters)?, point)?;
            if !keys.contains(&public) {
                keys.push(public);
            }
        }
    }
    let wrong = |detail: &str| SignerProblem::Key { detail: detail.to_owned() };
    match keys.len() {
        0 => Err(wrong("the token has no public key with its identifier")),
        1 => Ok(keys.remove(0)),
        _ => Err(wrong("the token has several public keys with its identifier")),
    }
}

fn words(objects: &[Object]) -> Vec<String> {
    let words = |object: &Object| {
        let mut id = String::new();
        for byte in object.id.iter().take(64) {
            // Writing to a string cannot fail.
            let _ = write!(id, "%{byte:02x}");
        }
        format!("object={:?} id={id}", told(&String::from_utf8_lossy(&object.label)))
    };
    objects.iter().map(words).collect()
}
