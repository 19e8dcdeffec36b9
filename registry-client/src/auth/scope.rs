//! What a request needs to be allowed to: repositories and actions on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The most entries of a challenge's scope that are asked for.
const ENTRIES: usize = 32;

/// What a request needs to be allowed to. Empty for requests that concern no repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The repository that the request is about; its credentials are used.
    repository: String,
    actions: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Scope {
    /// Reading from `repository`.
    pub(crate) fn pull(repository: &str) -> Self {
        Self::of(repository, &["pull"])
    }

    /// Reading from and writing to `repository`.
    pub(crate) fn push(repository: &str) -> Self {
        Self::of(repository, &["pull", "push"])
    }

    /// Reading from `source` as well, to mount a blob of it.
    pub(crate) fn and_pull(mut self, source: &str) -> Self {
        self.actions.entry(source.to_owned()).or_default().insert("pull");
        self
    }

    fn of(repository: &str, actions: &[&'static str]) -> Self {
        let actions = BTreeMap::from([(repository.to_owned(), actions.iter().copied().collect())]);
        Self { repository: repository.to_owned(), actions }
    }

    /// The repository whose credentials are used.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Whether everything in `other` is in this one, with the same credentials.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.repository == other.repository
            && other.actions.iter().all(|(repository, wanted)| {
                self.actions.get(repository).is_some_and(|actions| wanted.is_subset(actions))
            })
    }

    /// What a token service is asked for: what the challenge says, because only the registry knows what it calls its
    /// repositories, and what this request needs besides. In the form `repository:NAME:ACTION,ACTION`.
    pub(crate) fn asked(&self, challenge: Option<&str>) -> Vec<String> {
        let mut resources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut verbatim = BTreeSet::new();
        for entry in challenge.unwrap_or_default().split(' ').filter(|entry| !entry.is_empty()).take(ENTRIES)
        {
            match entry.rsplit_once(':') {
                Some((resource, actions)) => {
                    resources.entry(resource).or_default().extend(actions.split(','));
                }
                None => {
                    verbatim.insert(entry.to_owned());
                }
            }
        }
        let own: Vec<_> = self
            .actions
            .iter()
            .map(|(repository, actions)| (format!("repository:{repository}"), actions))
            .collect();
        for (resource, actions) in &own {
            resources.entry(resource).or_default().extend(actions.iter());
        }
        let joined = resources.into_iter().map(|(resource, actions)| {
            format!("{resource}:{}", actions.into_iter().collect::<Vec<_>>().join(","))
        });
        verbatim.into_iter().chain(joined).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actions.is_empty() {
            return formatter.write_str("anything");
        }
        for (position, (repository, actions)) in self.actions.iter().enumerate() {
            let comma = if position == 0 { "" } else { "; " };
            let actions: Vec<_> = actions.iter().copied().collect();
            write!(formatter, "{comma}{} of {repository}", actions.join(" and "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wider_covers_what_is_narrower() {
        let (pull, push, mount) = (Scope::pull("a/b"), Scope::push("a/b"), Scope::push("a/b").and_pull("c"));
        assert!(push.covers(&pull) && mount.covers(&push) && mount.covers(&pull) && pull.covers(&pull));
        assert!(!pull.covers(&push) && !push.covers(&mount));
        assert!(!Scope::pull("a").covers(&Scope::pull("b")));
        // The credentials of a/b need not be those of c.
        assert!(!mount.covers(&Scope::pull("c")));
    }

    #[test]
    fn a_service_is_asked_for_what_the_challenge_and_the_request_need() {
        assert_eq!(Scope::push("a/b").asked(None), ["repository:a/b:pull,push"]);
        assert_eq!(Scope::default().asked(None), [""; 0]);
        assert_eq!(
            Scope::push("a/b").and_pull("c").asked(Some("repository:a/b:pull")),
            ["repository:a/b:pull,push", "repository:c:pull"]
        );
        // A proxy may know the repository by another name.
        assert_eq!(
            Scope::pull("a").asked(Some("repository:proxy/a:pull registry:catalog:* other")),
            ["other", "registry:catalog:*", "repository:a:pull", "repository:proxy/a:pull"]
        );
        assert_eq!(Scope::pull("a").asked(Some(&"x ".repeat(5000))), ["x", "repository:a:pull"]);
        let many = (0..100).map(|at| format!("x:{at}:y")).collect::<Vec<_>>().join(" ");
        assert_eq!(Scope::pull("a").asked(Some(&many)).len(), ENTRIES + 1);
    }

    #[test]
    fn it_is_shown_in_words() {
        assert_eq!(Scope::push("a/b").and_pull("c").to_string(), "pull and push of a/b; pull of c");
    }
}
