//! Checkpoints that somebody trusted has signed.

use std::time::SystemTime;

use lacre_attest::{Bundle, Limits, LogCheckpoint, Statement};

use super::check::LogAccount;
use super::moment::Moment;
use crate::proof::{Unverified, Verified};
use crate::report::{Report, Step};
use crate::signature::{Legacy, Signer};
use crate::{Failure, Requirements, VerifyError, signature};

/// How far one trusted signer says that a decision log had come.
#[derive(Debug)]
pub struct Checkpoint {
    said: LogCheckpoint,
    signer: Signer,
    report: Report,
}

impl crate::proof::Subject for Checkpoint {
    type Input = Bundle;
}

impl LogAccount {
    /// What is to be signed of it: that it has come so far, at this time.
    pub fn checkpoint(&self, now: SystemTime) -> LogCheckpoint {
        let time = Moment::from(now).to_string();
        LogCheckpoint { log: self.log, lines: self.lines, head: self.head, time }
    }
}

impl Unverified<Checkpoint> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        match Bundle::parse(bundle, limits) {
            Ok(input) => Ok(Self { input }),
            Err(error) => Err(Report::default().fail(Step::Bundle, error.into())),
        }
    }

    /// Checks the signature, then the signer, then that it is a checkpoint. Where more than one signer is demanded, one bundle is
    /// never enough (`E-TOO-FEW-SIGNERS`). Expectations of a name or version are not asked: a log has none.
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<Checkpoint>, Box<Failure>> {
        let mut report = Report::default();
        report.pass(Step::Bundle, "well-formed");
        let (signer, mut report) = signature::verify(
            &self.input,
            requirements.trust(),
            requirements.reading_limits(),
            requirements.now(),
            Legacy::Refuse,
            report,
        )?;
        let payload = self.input.envelope().payload();
        let said = Statement::parse(payload, requirements.reading_limits())
            .and_then(|statement| LogCheckpoint::from_statement(&statement));
        let said = match said {
            Ok(said) => said,
            Err(error) => return Err(report.fail(Step::Claim, error.into())),
        };
        report.pass(Step::Claim, format!("{} lines of the log {}", said.lines, said.log));
        let wanted = requirements.wanted_signers().get();
        if wanted > 1 {
            return Err(report.fail(Step::Signer, VerifyError::TooFewSigners { found: 1, wanted, why: None }));
        }
        Ok(Verified::strict(Checkpoint { said, signer, report }))
    }
}

impl Verified<Checkpoint> {
    /// What it says.
    pub fn checkpoint(&self) -> &LogCheckpoint {
        &self.proven.said
    }

    /// Who says it.
    pub fn signer(&self) -> &Signer {
        &self.proven.signer
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }
}
