//! `secret`: makes identities, and encrypts secrets for the parameter file. Reads no parameters, and makes no call.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use secrecy::{ExposeSecret as _, SecretString};

use crate::exit::Exit;
use crate::ledger::timestamp;
use crate::parameters::Problem;
use crate::parameters::encrypted::{Identities, encrypt};
use crate::parameters::sources::without_line_break;
use crate::terminal::{Terminal, harmless};

/// The verb's own command line.
pub(crate) fn command() -> Command {
    let keygen = Command::new("keygen")
        .about("Make an identity, the private key that opens secrets, and print it as age-keygen does")
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write it to a new file that its owner alone can read, and print its recipient"),
        );
    let encrypt = Command::new("encrypt")
        .about("Encrypt the secret on standard input for the parameter file, and print it as age armor")
        .arg(
            Arg::new("recipient")
                .long("recipient")
                .short('r')
                .value_name("age1…")
                .action(ArgAction::Append)
                .help("Whom to encrypt for; may be given several times, and each can open it"),
        )
        .arg(
            Arg::new("identity")
                .long("identity")
                .short('i')
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(PathBuf))
                .help("Encrypt for the recipients of the identities in this file"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON text, to be put into a JSON parameter file"),
        );
    Command::new("secret")
        .about("Encrypt secrets for the parameter file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(keygen)
        .subcommand(encrypt)
}

pub(crate) fn secret(matches: &ArgMatches, terminal: &Terminal, stdout: &mut dyn Write) -> io::Result<Exit> {
    let done = match matches.subcommand() {
        Some(("keygen", matches)) => keygen(matches, stdout),
        Some(("encrypt", matches)) => encrypt_input(matches, stdout),
        _ => return Ok(Exit::Usage),
    };
    match done {
        Ok(()) => stdout.flush().map(|()| Exit::Complete),
        Err(Failure::Output(error)) => Err(error),
        Err(Failure::Usage(Problem(why))) => {
            terminal.print(&format!("error: {}\n", harmless(&why)));
            Ok(Exit::Usage)
        }
    }
}

enum Failure {
    /// What was asked for cannot be done.
    Usage(Problem),
    /// Standard output fails.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

fn wrong(why: String) -> Failure {
    Failure::Usage(Problem(why))
}

fn keygen(matches: &ArgMatches, stdout: &mut dyn Write) -> Result<(), Failure> {
    let identities = Identities::generate();
    let created = timestamp(auth_core::host::machine_time().now());
    let text = format!("# created: {created}\n{}", identities.lines().expose_secret());
    let text = SecretString::from(text);
    match matches.get_one::<PathBuf>("output") {
        Some(path) => {
            write_new(path, &text).map_err(|error| {
                let why = match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        "it is there already, and an identity is never overwritten".to_owned()
                    }
                    _ => error.to_string(),
                };
                wrong(format!("the identity cannot be written to {}: {why}", path.display()))
            })?;
            for recipient in identities.recipients() {
                writeln!(stdout, "{recipient}")?;
            }
        }
        None => stdout.write_all(text.expose_secret().as_bytes())?,
    }
    Ok(())
}

fn write_new(path: &Path, text: &SecretString) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()
}

fn encrypt_input(matches: &ArgMatches, stdout: &mut dyn Write) -> Result<(), Failure> {
    let given = matches.get_many::<String>("recipient").into_iter().flatten();
    let mut recipients: Vec<String> = given.cloned().collect();
    for path in matches.get_many::<PathBuf>("identity").into_iter().flatten() {
        let text = std::fs::read_to_string(path).map(SecretString::from);
        let text =
            text.map_err(|error| wrong(format!("the identity file {} cannot be read: {error}", path.display())))?;
        let identities = Identities::parse(text.expose_secret());
        let identities = identities.map_err(|why| wrong(format!("the identity file {}: {why}", path.display())))?;
        recipients.extend(identities.recipients());
    }
    if recipients.is_empty() {
        let why =
            "nobody could open it: name a --recipient age1…, or the --identity FILE of one; `secret keygen` makes one";
        return Err(wrong(why.to_owned()));
    }
    let secret = read_secret().map_err(|error| wrong(format!("standard input cannot be read: {error}")))?;
    let text = without_line_break(secret.expose_secret());
    if text.is_empty() {
        return Err(wrong("there is no secret on standard input".to_owned()));
    }
    let armor = encrypt(&SecretString::from(text), &recipients).map_err(wrong)?;
    if matches.get_flag("json") {
        writeln!(stdout, "{}", serde_json::Value::from(armor))?;
    } else {
        stdout.write_all(armor.as_bytes())?;
    }
    Ok(())
}

/// From a terminal one line, which is not shown; else all that comes.
fn read_secret() -> io::Result<SecretString> {
    if io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal.write_str("secret: ")?;
        return terminal.read_secure_line().map(SecretString::from);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(SecretString::from(text))
}
