//! `--keyless`: an identity signs instead of a key.

use std::cell::RefCell;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use lacre_attest::{Bundle, Declaration, Limits, ManifestClaim, ModelClaim};
use lacre_sign::{
    Decision, Identity, Token, TrustConfig, seal_declaration_keyless, seal_keyless, seal_manifests_keyless,
};

use super::{Who, login};
use crate::error::CliError;
use crate::session::Session;
use crate::sigstore_trust::Known;
use crate::{sigstore_trust, text};

/// Signing with an identity.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(super) struct KeylessArgs {
    /// Sign with an identity token instead of a key; who you are becomes public for ever
    #[arg(
        long,
        hide_short_help = true,
        conflicts_with_all = ["key", "certificate", "timestamp_url"]
    )]
    keyless: bool,
    /// The token is in here, if the environment or the CI job does not give one
    #[arg(long, value_name = "FILE", requires = "keyless", hide_short_help = true)]
    identity_token_file: Option<PathBuf>,
    /// Trusted root and signing configuration of a Sigstore, or a file of trust update [default: the public one]
    #[arg(long, value_name = "FILE", requires = "keyless", hide_short_help = true)]
    trust_config: Option<PathBuf>,
    /// Log in with a browser here, whatever the environment has
    #[arg(long, requires = "keyless", hide_short_help = true, conflicts_with = "identity_token_file")]
    browser: bool,
    /// Log in with a browser anywhere, and bring the code that it shows
    #[arg(
        long,
        requires = "keyless",
        hide_short_help = true,
        conflicts_with_all = ["identity_token_file", "browser"]
    )]
    no_browser: bool,
    /// Publish the identity without asking; needed where there is no terminal
    #[arg(long, requires = "keyless", hide_short_help = true)]
    publish_identity: bool,
}

impl KeylessArgs {
    /// Whether an identity is to sign.
    pub(super) fn is_wanted(&self) -> bool {
        self.keyless
    }

    /// Somebody who can sign: nothing is asked of anybody yet.
    pub(super) fn open<'s>(
        &'s self,
        patience: Duration,
        session: &'s Session,
    ) -> Result<Keyless<'s>, CliError> {
        if session.globals.offline {
            return Err(CliError::usage("--keyless needs the network, and --offline opens no socket"));
        }
        if session.globals.dry_run {
            return Err(CliError::usage("--keyless and --dry-run: a signature that is logged is no trial"));
        }
        Ok(Keyless { args: self, patience, session, begun: RefCell::default(), agreed: RefCell::default() })
    }

    fn token(&self, config: &TrustConfig, session: &Session) -> Result<Token, CliError> {
        if let Some(path) = &self.identity_token_file {
            return Ok(Token::read(path)?);
        }
        if self.browser {
            return login::with_browser(config, session);
        }
        if self.no_browser {
            return login::with_code(config, session);
        }
        if let Some(token) = Token::from_environment()? {
            return Ok(token);
        }
        if let Some(token) = Token::ambient(&session.printer)? {
            return Ok(token);
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return login::with_browser(config, session);
        }
        Err(CliError::usage(
            "no identity token, and no terminal to log in from: give --identity-token-file, or SIGSTORE_ID_TOKEN in the \
             environment",
        ))
    }

    fn decide(&self, identity: &Identity, session: &Session) -> Decision {
        session.printer.aside(&format!(
            "this becomes public for ever, at {}:",
            identity.places.iter().map(|place| text::safe(place)).collect::<Vec<_>>().join(" and ")
        ));
        session.printer.aside(&format!("  identity   {}", text::safe(&identity.subject)));
        session.printer.aside(&format!("  issuer     {}", text::safe(&identity.issuer)));
        for (name, value) in &identity.details {
            session.printer.aside(&format!("  {:<10} {}", text::safe(name), text::safe(value)));
        }
        if self.publish_identity {
            return Decision::Sign;
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            session.printer.aside("there is no terminal to ask on: --publish-identity agrees to it");
            return Decision::Decline;
        }
        session.printer.aside("sign with this identity? [y/N]");
        let mut answer = String::new();
        match io::stdin().lock().read_line(&mut answer) {
            Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Decision::Sign,
            _ => Decision::Decline,
        }
    }
}

/// Somebody whom an identity provider knows.
pub(in crate::cmd) struct Keyless<'s> {
    args: &'s KeylessArgs,
    patience: Duration,
    session: &'s Session,
    /// Once something is to be signed.
    begun: RefCell<Option<Rc<Begun>>>,
    /// Whose publication was agreed to.
    agreed: RefCell<Option<Identity>>,
}

/// With whom and as whom is signed.
struct Begun {
    config: TrustConfig,
    known: Option<Known>,
    token: Token,
}

impl Keyless<'_> {
    /// Signs. Nothing leaves this machine before the identity was shown and its publication agreed to.
    pub(super) fn seal(&self, claim: &ModelClaim, limits: &Limits) -> Result<Bundle, CliError> {
        let Begun { config, token, .. } = &*self.begin()?;
        Ok(seal_keyless(claim, config, token, &|identity| self.decide(identity), limits)?)
    }

    /// The same for what is claimed about manifests.
    pub(super) fn seal_manifests(&self, claim: &ManifestClaim, limits: &Limits) -> Result<Bundle, CliError> {
        let Begun { config, token, .. } = &*self.begin()?;
        Ok(seal_manifests_keyless(claim, config, token, &|identity| self.decide(identity), limits)?)
    }

    /// The same for a checkpoint or a summary.
    pub(super) fn seal_declaration(
        &self,
        declaration: &Declaration,
        limits: &Limits,
    ) -> Result<Bundle, CliError> {
        let Begun { config, token, .. } = &*self.begin()?;
        Ok(seal_declaration_keyless(declaration, config, token, &|identity| self.decide(identity), limits)?)
    }

    /// Who has signed.
    pub(super) fn who(&self) -> Result<Who, CliError> {
        let (begun, agreed) = (self.begun.borrow(), self.agreed.borrow());
        let known = begun.as_ref().and_then(|begun| begun.known.as_ref());
        let missing = || CliError::Bug { detail: "an identity signed that was never shown".to_owned() };
        Ok(Who::of_identity(agreed.as_ref().ok_or_else(missing)?, known))
    }

    /// Asks for the token, once: as late as can be, because tokens live for minutes.
    fn begin(&self) -> Result<Rc<Begun>, CliError> {
        if let Some(begun) = &*self.begun.borrow() {
            return Ok(Rc::clone(begun));
        }
        let (config, known) = if let Some(path) = &self.args.trust_config {
            (TrustConfig::read(path)?, None)
        } else {
            let known = sigstore_trust::public_good()?;
            (TrustConfig::from_trust(&known.trust)?, Some(known))
        };
        let config = config.patience(self.patience);
        let token = self.args.token(&config, self.session)?;
        let begun = Rc::new(Begun { config, known, token });
        *self.begun.borrow_mut() = Some(Rc::clone(&begun));
        Ok(begun)
    }

    /// Shows an identity and asks. One that was agreed to signs all that this run has to sign.
    fn decide(&self, identity: &Identity) -> Decision {
        let same =
            |agreed: &Identity| (&agreed.subject, &agreed.issuer) == (&identity.subject, &identity.issuer);
        if self.agreed.borrow().as_ref().is_some_and(same) {
            return Decision::Sign;
        }
        let decision = self.args.decide(identity, self.session);
        if decision == Decision::Sign {
            *self.agreed.borrow_mut() = Some(identity.clone());
        }
        decision
    }
}
