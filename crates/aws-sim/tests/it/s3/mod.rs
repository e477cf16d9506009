//! S3: objects and their ranges, listings, who may do what, regions, faults, and how fast it is.

mod access;
pub(crate) mod client;
mod listing;
mod objects;
mod signatures;
mod transport;

use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, Bucket, Clock, Estate, Role, Sim};

use crate::client::{Keys, MANAGEMENT, MEMBER};

/// A bucket of a member's account, and keys of a user there and of one in the management account.
struct World {
    sim: Sim,
    keys: Keys,
    stranger: Keys,
}

async fn started(change: impl FnOnce(&mut Estate, Bucket)) -> World {
    let mut estate = Estate::new(Account::new(MANAGEMENT));
    let roles = [
        Role::new("blind").trusting("*").deny("s3:GetObject"),
        Role::new("no-lister").trusting("*").deny("s3:ListBucket"),
    ];
    let member = roles.into_iter().fold(Account::new(MEMBER), Account::role);
    estate.account(estate.root_id(), member);
    let (keys, stranger) = (estate.user(MEMBER, "ann").into(), estate.user(MANAGEMENT, "bob").into());
    change(&mut estate, Bucket::new("results").owner(MEMBER).region("eu-central-1"));
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let sim = Sim::start(estate, clock).await.unwrap();
    World { sim, keys, stranger }
}

/// With the bucket as it is.
async fn simple() -> World {
    started(|estate, bucket| {
        estate.bucket(bucket);
    })
    .await
}
