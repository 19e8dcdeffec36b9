//! Manifests, tags and referrers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, HangUp};
use super::desk::{Desk, not_found};
use super::query::{encoded, is_digest, is_tag};
use super::rules::{Dangling, Etags, Filter, Pages, Referrers, SubjectHeader};
use super::store::{Algorithm, Manifest, State};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Bytes of a manifest that every registry should take, and this one no more of.
const MOST: u64 = 4 << 20;

impl Desk {
    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Answer {
        let mut state = self.state();
        let Some(digest) = resolve(&mut state, repository, reference) else { return unknown_manifest() };
        let Some(manifest) = state.repository(repository).manifests.get(&digest) else {
            return unknown_manifest();
        };
        let same = self.header("if-none-match").is_some_and(|tags| names(tags, &digest));
        let answer = if same && self.rules.etags == Etags::Honoured {
            Answer::empty(304)
        } else {
            Answer::full(200, &manifest.media_type, manifest.bytes.clone())
        };
        self.tagged(answer.with("docker-content-digest", &digest), &digest)
    }

    pub(super) async fn put_manifest(&mut self, repository: &str, reference: &str) -> Result<Answer, HangUp> {
        if !is_digest(reference) && !is_tag(reference) {
            return Ok(Answer::error(400, "MANIFEST_INVALID", "neither a tag nor a digest"));
        }
        let most = self.rules.largest_body.map_or(MOST, |most| most.min(MOST));
        let Ok(bytes) = self.body.whole(most).await? else {
            return Ok(Answer::error(413, "SIZE_INVALID", "the manifest is too large"));
        };
        let manifest = match self.checked(repository, &bytes) {
            Ok(manifest) => manifest,
            Err(refusal) => return Ok(refusal),
        };
        let algorithm = Algorithm::of_digest(reference).unwrap_or(Algorithm::Sha256);
        let digest = algorithm.digest(&bytes);
        if is_digest(reference) && digest != reference {
            return Ok(Answer::error(400, "DIGEST_INVALID", "the manifest has another digest"));
        }
        let tags: Vec<&str> =
            if is_digest(reference) { self.query.all("tag").collect() } else { vec![reference] };
        if !tags.iter().all(|tag| is_tag(tag)) {
            return Ok(Answer::error(400, "TAG_INVALID", "not a tag"));
        }
        // Under one lock: of two writers with conditions, the second one sees the first.
        let mut state = self.state();
        if self.rules.etags == Etags::Honoured && !self.condition_holds(&mut state, repository, &tags) {
            return Ok(Answer::error(412, "UNKNOWN", "the condition does not hold"));
        }
        let media_type = self.media_type().to_owned();
        if state.put_manifest(repository, &digest, &media_type, bytes, self.rules.space).is_err() {
            return Ok(self.full());
        }
        for tag in &tags {
            state.set_tag(repository, tag, &digest);
        }
        let location = self.location(&format!("/v2/{repository}/manifests/{reference}"));
        let mut answer = Answer::empty(201).with("location", location).with("docker-content-digest", &digest);
        if is_digest(reference) && !tags.is_empty() {
            answer = answer.with("oci-tag", tags.join(", "));
        }
        let served = self.rules.referrers == Referrers::Served;
        if let Some(subject) = manifest["subject"]["digest"].as_str()
            && served
            && self.rules.subject == SubjectHeader::WithTheApi
        {
            answer = answer.with("oci-subject", subject);
        }
        Ok(self.tagged(answer, &digest))
    }

    pub(super) fn delete_manifest(&self, repository: &str, reference: &str) -> Answer {
        let mut state = self.state();
        let repository = state.repository(repository);
        let found = if is_digest(reference) {
            repository.tags.retain(|_, tag| tag.digest != reference);
            repository.manifests.remove(reference).is_some()
        } else {
            repository.tags.remove(reference).is_some()
        };
        if found { Answer::empty(202) } else { unknown_manifest() }
    }

    pub(super) fn tags(&self, repository: &str) -> Answer {
        let state = self.state();
        let Some(found) = state.repositories.get(repository) else {
            return Answer::error(404, "NAME_UNKNOWN", "no such repository");
        };
        let last = self.query.first("last").unwrap_or("");
        let all: Vec<&str> = found.tags.keys().map(String::as_str).filter(|tag| *tag > last).collect();
        let page = [self.query.number("n"), self.rules.tags_per_page].into_iter().flatten().min();
        let page = page.unwrap_or(usize::MAX).min(all.len());
        let answer = Answer::json(200, &json!({"name": repository, "tags": all[..page]}));
        if page == all.len() || page == 0 {
            return answer;
        }
        let asked = self.query.number("n").map_or_else(String::new, |n| format!("n={n}&"));
        let next = format!("/v2/{repository}/tags/list?{asked}last={}", encoded(all[page - 1]));
        answer.with("link", format!("<{next}>; rel=\"next\""))
    }

    pub(super) fn referrers(&self, repository: &str, digest: &str) -> Answer {
        if self.rules.referrers == Referrers::Absent {
            return not_found();
        }
        if !is_digest(digest) {
            return Answer::error(400, "DIGEST_INVALID", "not a digest");
        }
        let state = self.state();
        let mut found = referrers_of(&state, repository, digest);
        let kind = self.query.first("artifactType");
        if let (Some(kind), Filter::Applied) = (kind, self.rules.filter) {
            found.retain(|descriptor| descriptor["artifactType"] == kind);
        }
        let page = self.query.number("page").unwrap_or(0);
        let (part, next) = match self.rules.pages {
            Pages::Whole => (found.as_slice(), None),
            Pages::Of(size) => {
                let rest = found.get(page * size..).unwrap_or(&[]);
                (&rest[..size.min(rest.len())], (rest.len() > size).then_some(page + 1))
            }
            Pages::Endless(size) => {
                let rest = found.get(page * size..).unwrap_or(&[]);
                (&rest[..size.min(rest.len())], Some(page + 1))
            }
            Pages::Circle(size) => (&found[..size.min(found.len())], Some(0)),
        };
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": part});
        let mut answer = Answer::json(200, &index).with("content-type", INDEX);
        if kind.is_some() && self.rules.filter != Filter::Ignored {
            answer = answer.with("oci-filters-applied", "artifactType");
        }
        match next {
            Some(next) => {
                let kind = kind.map_or_else(String::new, |kind| format!("artifactType={}&", encoded(kind)));
                let path = format!("/v2/{repository}/referrers/{digest}?{kind}page={next}");
                answer.with("link", format!("<{path}>; rel=\"next\""))
            }
            None => answer,
        }
    }

    /// The media type that the client declared, without parameters.
    fn media_type(&self) -> &str {
        self.header("content-type").unwrap_or("").split(';').next().unwrap().trim()
    }

    /// The manifest, if it is one and what it names is there.
    fn checked(&self, repository: &str, bytes: &[u8]) -> Result<Value, Answer> {
        let invalid = |why: &str| Answer::error(400, "MANIFEST_INVALID", why);
        let manifest: Value = serde_json::from_slice(bytes).map_err(|_| invalid("not JSON"))?;
        if manifest["schemaVersion"] != 2 {
            return Err(invalid("schemaVersion is not 2"));
        }
        let declared = self.media_type();
        if declared.is_empty() {
            return Err(invalid("no Content-Type"));
        }
        if manifest["mediaType"].as_str().is_some_and(|own| own != declared) {
            return Err(invalid("mediaType is not the Content-Type"));
        }
        if self.rules.dangling == Dangling::Taken {
            return Ok(manifest);
        }
        let digests = |list: &Value| -> Vec<String> {
            let list = list.as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|one| one["digest"].as_str().map(str::to_owned)).collect()
        };
        let state = self.state();
        let lacks = if matches!(declared, INDEX | MANIFEST_LIST) {
            let held = state.repositories.get(repository);
            digests(&manifest["manifests"])
                .iter()
                .any(|digest| !held.is_some_and(|held| held.manifests.contains_key(digest)))
        } else {
            let mut blobs = digests(&manifest["layers"]);
            blobs.extend(manifest["config"]["digest"].as_str().map(str::to_owned));
            blobs.iter().any(|digest| state.blob_size(repository, digest).is_none())
        };
        if lacks {
            let code = "MANIFEST_BLOB_UNKNOWN";
            return Err(Answer::error(404, code, "something that the manifest names is not there"));
        }
        Ok(manifest)
    }

    /// `If-Match` and `If-None-Match` (RFC 9110, section 13.1) of the tags that are written.
    fn condition_holds(&self, state: &mut State, repository: &str, tags: &[&str]) -> bool {
        tags.iter().all(|tag| {
            let current = state.repository(repository).tags.get(*tag).map(|tag| tag.digest.clone());
            let is_met = |list: &str| current.as_deref().is_some_and(|digest| names(list, digest));
            self.header("if-match").is_none_or(is_met) && !self.header("if-none-match").is_some_and(is_met)
        })
    }
}

/// Whether a list of entity tags names this one; `*` names all.
fn names(list: &str, digest: &str) -> bool {
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_matches('"') == digest)
}

/// The digest of a manifest by tag or digest. A tag that is to change counts down.
fn resolve(state: &mut State, repository: &str, reference: &str) -> Option<String> {
    if !state.repositories.contains_key(repository) {
        return None;
    }
    if is_digest(reference) {
        return Some(reference.to_owned());
    }
    let tag = state.repository(repository).tags.get_mut(reference)?;
    match &mut tag.next {
        Some((0, next)) => {
            tag.digest = std::mem::take(next);
            tag.next = None;
        }
        Some((left, _)) => *left -= 1,
        None => {}
    }
    Some(tag.digest.clone())
}

/// The descriptors of all manifests whose subject this is, in the order of their arrival.
fn referrers_of(state: &State, repository: &str, digest: &str) -> Vec<Value> {
    let Some(found) = state.repositories.get(repository) else { return Vec::new() };
    let mut descriptors = BTreeMap::new();
    for (own, manifest) in &found.manifests {
        let value: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
        if value["subject"]["digest"] == digest {
            descriptors.insert(manifest.number, descriptor(own, manifest, &value));
        }
    }
    descriptors.into_values().collect()
}

fn descriptor(digest: &str, manifest: &Manifest, value: &Value) -> Value {
    let mut descriptor = json!({
        "mediaType": manifest.media_type, "digest": digest, "size": manifest.bytes.len(),
    });
    let kind = value["artifactType"].as_str().filter(|kind| !kind.is_empty());
    if let Some(kind) = kind.or_else(|| value["config"]["mediaType"].as_str()) {
        descriptor["artifactType"] = kind.into();
    }
    if value["annotations"].is_object() {
        descriptor["annotations"] = value["annotations"].clone();
    }
    descriptor
}

fn unknown_manifest() -> Answer {
    Answer::error(404, "MANIFEST_UNKNOWN", "no such manifest")
}
