//! The search for a path from a certificate to an anchor, bounded: certificates that sign each other in circles make the
//! number of paths explode (RUSTSEC-2023-0053).

use std::ops::ControlFlow;

use super::names::shown;
use super::problem::CertificateProblem;
use super::x509::Certificate;
use crate::VerifyError;

/// At most this many signatures are checked.
const CHECKS: usize = 100;
/// At most this many certificates in a path, leaf and anchor included.
const DEPTH: usize = 8;

/// A path: leaf first, anchor last.
pub(super) type Path<'a> = [&'a Certificate];

/// Finds a path that `judge` accepts. Of several refusals, that of the path that came furthest is returned.
pub(super) fn find<'a, T>(
    leaf: &'a Certificate,
    given: &'a [Certificate],
    anchors: &'a [Certificate],
    judge: impl FnMut(&Path<'a>) -> Result<T, VerifyError>,
) -> Result<T, VerifyError> {
    let mut search = Search { given, anchors, judge, checks: 0, judged: None, problem: None, missing: None };
    match search.own_key(leaf) {
        Some(verdict) => verdict,
        None => match search.extend(&mut vec![leaf]) {
            ControlFlow::Break(accepted) => Ok(accepted),
            ControlFlow::Continue(()) => Err(search.refusal(leaf)),
        },
    }
}

struct Search<'a, F> {
    given: &'a [Certificate],
    anchors: &'a [Certificate],
    judge: F,
    checks: usize,
    /// What was found on the path that came furthest.
    judged: Option<VerifyError>,
    /// Why an issuer by name was none.
    problem: Option<(String, CertificateProblem)>,
    /// The issuer that no certificate was found of, and how deep.
    missing: Option<(usize, String)>,
}

impl<'a, T, F: FnMut(&Path<'a>) -> Result<T, VerifyError>> Search<'a, F> {
    /// A leaf that verifies under its own key is accepted only as its own anchor; otherwise nobody vouches for it.
    fn own_key(&mut self, leaf: &'a Certificate) -> Option<Result<T, VerifyError>> {
        self.checks += 1;
        leaf.is_signed_by(leaf).ok()?;
        if self.anchors.iter().any(|anchor| anchor.der == leaf.der) {
            return Some((self.judge)(&[leaf]));
        }
        Some(Err(VerifyError::Certificate {
            certificate: leaf.shown(),
            problem: CertificateProblem::SelfSigned,
        }))
    }

    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> ControlFlow<T> {
        let Some(child) = path.last().copied() else { return ControlFlow::Continue(()) };
        let anchors = self.anchors.iter().map(|anchor| (anchor, true));
        let given = self.given.iter().map(|certificate| (certificate, false));
        let mut found = false;
        for (issuer, is_anchor) in anchors.chain(given) {
            if issuer.subject != child.issuer || is_in(path, issuer) {
                continue;
            }
            if !is_anchor && self.anchors.iter().any(|anchor| anchor.der == issuer.der) {
                continue;
            }
            found = true;
            if path.len() == DEPTH {
                self.note(child, CertificateProblem::TooDeep { limit: DEPTH });
                continue;
            }
            if self.checks == CHECKS {
                self.problem = Some((path[0].shown(), CertificateProblem::Budget { limit: CHECKS }));
                return ControlFlow::Continue(());
            }
            self.checks += 1;
            if let Err(problem) = child.is_signed_by(issuer) {
                // A key that cannot sign is the fault of the issuer's certificate, not of what it signed.
                let at = if is_of_key(&problem) { issuer } else { child };
                self.note(at, problem);
                continue;
            }
            path.push(issuer);
            if is_anchor {
                match (self.judge)(path) {
                    Ok(accepted) => return ControlFlow::Break(accepted),
                    Err(error) => self.note_judged(error),
                }
            } else {
                self.extend(path)?;
            }
            path.pop();
        }
        if !found && self.missing.as_ref().is_none_or(|(depth, _)| *depth < path.len()) {
            self.missing = Some((path.len(), shown(&child.issuer_name)));
        }
        ControlFlow::Continue(())
    }

    fn note(&mut self, certificate: &Certificate, problem: CertificateProblem) {
        if self.checks < CHECKS {
            self.problem = Some((certificate.shown(), problem));
        }
    }

    fn note_judged(&mut self, error: VerifyError) {
        if self.judged.as_ref().is_none_or(|known| progress(known) < progress(&error)) {
            self.judged = Some(error);
        }
    }

    fn refusal(self, leaf: &Certificate) -> VerifyError {
        match (self.judged, self.problem, self.missing) {
            (Some(judged), ..) => judged,
            (None, Some((certificate, problem)), _) => VerifyError::Certificate { certificate, problem },
            (None, None, missing) => VerifyError::CertificateUntrusted {
                certificate: leaf.shown(),
                issuer: missing.map_or_else(|| shown(&leaf.issuer_name), |(_, issuer)| issuer),
            },
        }
    }
}

/// How far a path came that was refused with this: the checks are made in this order.
fn progress(error: &VerifyError) -> u8 {
    match error {
        VerifyError::CertificateExpired { .. } => 1,
        VerifyError::RevocationUnknown { .. } => 2,
        VerifyError::CertificateRevoked { .. } => 3,
        _ => 0,
    }
}

/// Whether the same name with the same key is on the path already: then it is a circle, whatever else differs.
fn is_in(path: &Path<'_>, issuer: &Certificate) -> bool {
    path.iter().any(|certificate| certificate.subject == issuer.subject && certificate.spki == issuer.spki)
}

fn is_of_key(problem: &CertificateProblem) -> bool {
    matches!(problem, CertificateProblem::Key | CertificateProblem::KeySize { .. })
}
