//! Sign in to AWS and reach many accounts.
//!
//! The way of an account, module by module: [`settings`] says who signs in and which accounts are meant; [`initial`]
//! makes the first credentials ([`oidc`] asks an identity provider for a token, [`sts`] trades it); [`chain`] plans the
//! roles to walk; [`session`] keeps each assumed role alive; [`accounts`] lists the accounts; [`access`] reaches one of
//! them, checks that it is the one that was meant, and gives clients their configuration per region; [`regions`] says
//! where to look. Errors that a person can act on are in [`error`], what to do about them in [`hint`].

pub mod access;
pub mod accounts;
mod answer;
pub mod arn;
pub mod chain;
pub mod credential;
pub mod endpoint;
mod environment;
pub mod error;
pub mod file;
pub mod hint;
pub mod host;
pub mod initial;
pub mod jwt;
pub mod last;
mod limit;
pub mod mask;
pub mod meter;
pub mod oidc;
pub mod pages;
pub mod partition;
mod pool;
pub mod regions;
pub mod secret;
pub mod session;
pub mod settings;
pub mod sts;
mod tunnel;

pub use access::{AccountAccess, Authenticator, RegionalAccess};
pub use accounts::{Account, AccountList, Skipped};
pub use arn::{AccountId, RoleTemplate};
pub use error::{AuthError, AwsError, ErrorKind};
pub use host::Host;
pub use last::LastAnswer;
pub use limit::URGENT_REQUESTS;
pub use mask::Mask;
pub use meter::Meter;
pub use pages::Pages;
pub use partition::Partition;
pub use secret::Secret;
pub use settings::AuthSettings;
