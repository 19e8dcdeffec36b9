//! The command line as a type: the shared flags and the verbs.

use std::ffi::OsString;

use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, Args, Command, CommandFactory, Parser, Subcommand, ValueEnum};
use lacre_manifest::{EntryPath, Links};

use crate::cmd::attest::AttestArgs;
use crate::cmd::cache::CacheArgs;
use crate::cmd::channel;
use crate::cmd::channel::ChannelArgs;
use crate::cmd::diff::DiffArgs;
use crate::cmd::exec::ExecArgs;
use crate::cmd::inspect::InspectArgs;
use crate::cmd::key::KeyArgs;
use crate::cmd::log;
use crate::cmd::log::LogArgs;
use crate::cmd::policy;
use crate::cmd::policy::PolicyArgs;
use crate::cmd::pull::PullArgs;
use crate::cmd::push::PushArgs;
use crate::cmd::sign::SignArgs;
use crate::cmd::tree::TreeArgs;
use crate::cmd::trust::TrustArgs;
use crate::cmd::verify::VerifyArgs;
use crate::{exit, units};

/// Seals machine-learning models, and proves them before a byte is used.
#[derive(Debug, Parser)]
#[command(name = "lacre", version, max_term_width = 100, after_help = SHORT_SHARED, help_template = ON_ONE_SCREEN)]
#[command(arg_required_else_help = true, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// clap's own template without the empty lines around the usage, so that the short help fits a screen.
pub(crate) const ON_ONE_SCREEN: &str = "{about-with-newline}{usage-heading} {usage}\n{all-args}{after-help}";

/// What the short help of `lacre` says of the shared flags; the long help has their texts.
const SHORT_SHARED: &str = "\
Shared options, before or after the verb (see lacre --help): --json --quiet
--verbose --color --progress --offline --force --max-statement --dry-run
Examples:
  lacre sign MODEL --key release.key --name org/mini-lm --version 1.0.0";

/// The flags that every verb takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Shared options")]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct Globals {
    /// Print one JSON object on stdout, for success and for failure
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) json: bool,
    /// Print errors only
    #[arg(short, long, global = true, hide_short_help = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print each step
    #[arg(short, long, global = true, hide_short_help = true)]
    pub(crate) verbose: bool,
    /// When to colour; auto obeys the environment too
    #[arg(long, global = true, hide_short_help = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// How to show progress, on stderr
    #[arg(long, global = true, hide_short_help = true, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressMode,
    /// Open no socket: nothing that needs the network is tried
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) offline: bool,
    /// Replace what exists (never a private key)
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) force: bool,
    /// Longest signed statement to read or write, before anything in it is trusted [default: 384MiB]
    #[arg(long, global = true, hide_short_help = true, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_statement: Option<usize>,
    /// Say what would be written, and write nothing
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) dry_run: bool,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the environment asks otherwise.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not even on a terminal.
    Never,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar, if stderr is a terminal.
    Auto,
    /// A line when work starts and every 10 seconds.
    Plain,
    /// Not at all.
    None,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Key(KeyArgs),
    Sign(SignArgs),
    Attest(AttestArgs),
    Verify(VerifyArgs),
    Exec(ExecArgs),
    Inspect(InspectArgs),
    Push(PushArgs),
    Pull(PullArgs),
    Tree(TreeArgs),
    Diff(DiffArgs),
    Cache(CacheArgs),
    Trust(TrustArgs),
    Channel(ChannelArgs),
    Log(LogArgs),
    Policy(PolicyArgs),
}

impl Verb {
    /// The verb's name, as JSON and hints give it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Key(args) => args.verb(),
            Self::Sign(_) => "sign",
            Self::Attest(_) => "attest",
            Self::Verify(_) => "verify",
            Self::Exec(_) => "exec",
            Self::Inspect(_) => "inspect",
            Self::Push(_) => "push",
            Self::Pull(_) => "pull",
            Self::Tree(_) => "tree",
            Self::Diff(_) => "diff",
            Self::Cache(args) => args.verb(),
            Self::Trust(args) => args.verb(),
            Self::Channel(args) => args.verb(),
            Self::Log(args) => args.verb(),
            Self::Policy(args) => args.verb(),
        }
    }
}

/// Which links in a folder are followed, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkMode {
    /// Refuse every symbolic link
    Refuse,
    /// Follow the links of a Hugging Face cache snapshot into its blobs
    HfCache,
}

impl From<LinkMode> for Links {
    fn from(mode: LinkMode) -> Self {
        match mode {
            LinkMode::Refuse => Self::Refuse,
            LinkMode::HfCache => Self::HfCache,
        }
    }
}

/// The whole command line as clap sees it, with the table of exit codes behind the long help.
pub(crate) fn command() -> Command {
    let cli = Cli::command().after_long_help(exit::listing());
    // clap's own stands in the short help, too, which has to fit a screen.
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    let version = version.help("Print version").hide_short_help(true);
    // Nor does a section of its own for the one option that everybody knows.
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let help = help.help("Print help").hide_short_help(true);
    let cli = cli.disable_version_flag(true).arg(version).disable_help_flag(true).arg(help);
    // A tree is worth a look without anybody who is trusted.
    let cli = cli.mut_subcommand("tree", |tree| tree.mut_group("anchor", |group| group.required(false)));
    // So is a log of decisions.
    let cli = cli.mut_subcommand("log", |log| {
        log.mut_subcommand("verify", |verify| {
            let verify = verify.mut_group("anchor", |group| group.required(false));
            ["expect_name", "expect_version", "strict", "allow_legacy_danger"]
                .iter()
                .fold(verify, |verify, of_models| verify.mut_arg(of_models, |arg| arg.hide(true)))
        })
    });
    cli.mut_subcommands(on_one_screen)
}

/// Both `-h` and `--help` of a verb fit a screen; `lacre help VERB` tells all, shared options included.
fn on_one_screen(verb: Command) -> Command {
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::HelpShort)
        .help("Print help (all options: lacre help VERB)");
    verb.mut_subcommands(on_one_screen).disable_help_flag(true).arg(help)
}

/// Whether `--json` stands among the arguments: asked before they are parsed, because a usage error must know it.
pub(crate) fn wants_json(argv: &[OsString]) -> bool {
    argv.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

/// The verb among arguments that could not be parsed, for the `command` member of a usage error.
pub(crate) fn guess_verb(argv: &[OsString]) -> &'static str {
    type Named = (&'static str, &'static str);
    const VERBS: [Named; 15] = [
        ("key", "key new"),
        ("sign", "sign"),
        ("attest", "attest"),
        ("verify", "verify"),
        ("exec", "exec"),
        ("inspect", "inspect"),
        ("push", "push"),
        ("pull", "pull"),
        ("tree", "tree"),
        ("diff", "diff"),
        ("trust", "trust show"),
        ("cache", "cache status"),
        ("channel", "channel status"),
        ("log", "log verify"),
        ("policy", "policy check"),
    ];
    const BELOW: [(&str, &[Named]); 6] = [
        ("key new", &[("new", "key new"), ("import", "key import"), ("show", "key show")]),
        ("trust show", &[("update", "trust update"), ("show", "trust show")]),
        ("cache status", &[("status", "cache status"), ("prune", "cache prune")]),
        ("channel status", channel::VERBS),
        ("log verify", log::VERBS),
        ("policy check", policy::VERBS),
    ];
    let mut words = argv.iter().skip(1);
    let mut find = |among: &'static [Named]| {
        words.find_map(|arg| among.iter().find(|(word, _)| *arg == *word)).map(|(_, name)| *name)
    };
    let Some(verb) = find(&VERBS) else { return "lacre" };
    let below = BELOW.iter().find(|(first, _)| *first == verb);
    below.and_then(|(_, verbs)| find(verbs)).unwrap_or(verb)
}

/// Reads an argument that names an entry of a model: relative, with `/`, nothing above the model.
#[derive(Debug, Clone)]
pub(crate) struct EntryPathParser;

impl TypedValueParser for EntryPathParser {
    type Value = EntryPath;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let parse = |text: String| {
            let trimmed = text.strip_suffix('/').unwrap_or(&text);
            EntryPath::parse(trimmed).map_err(|error| format!("{error} (give it relative to the model)"))
        };
        clap::builder::StringValueParser::new().try_map(parse).parse_ref(command, arg, value)
    }
}

/// Reads a name or version that is (or must be) signed: not empty, of one line, of at most 4096 bytes.
pub(crate) fn signed_text(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty"),
        long if long.len() > 4096 => Err("it is longer than 4096 bytes"),
        text if text.chars().any(char::is_control) => Err("it holds control characters"),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn json_is_seen_anywhere_but_behind_the_end_of_options() {
        assert!(wants_json(&os(&["lacre", "--json", "verify"])));
        assert!(wants_json(&os(&["lacre", "verify", "x", "--json"])));
        assert!(!wants_json(&os(&["lacre", "verify", "--", "--json"])));
        assert!(!wants_json(&os(&["--json"])));
    }

    #[test]
    fn every_verb_is_guessed_by_the_name_it_reports() {
        for sub in command().get_subcommands() {
            let name = guess_verb(&os(&["lacre", "--bogus", sub.get_name()]));
            assert!(name.starts_with(sub.get_name()), "{name}");
        }
        assert_eq!(guess_verb(&os(&["lacre", "--bogus"])), "lacre");
        assert_eq!(guess_verb(&os(&["lacre", "key", "show", "--bogus", "new"])), "key show");
    }

    #[test]
    fn the_short_help_names_every_shared_flag() {
        let cli = command();
        for arg in cli.get_arguments().filter(|arg| arg.is_global_set()) {
            let long = format!("--{}", arg.get_long().unwrap());
            assert!(SHORT_SHARED.contains(&long), "{long}");
        }
    }
}
