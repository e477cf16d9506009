//! What kind of instance an index stands for: drawn once, in a fixed order, from the instance's number.

use super::fleet::Fleet;
use crate::chance::Chance;

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Whether the instance still has disks and interfaces.
    pub(crate) fn has_hardware(self) -> bool {
        self != Self::Terminated
    }
}

/// What an instance type brings along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) cores: u64,
    pub(crate) threads: u64,
    /// Xen for the older ones.
    pub(crate) nitro: bool,
    /// Paravirtual, with a kernel and a ramdisk of its own, on instance storage.
    pub(crate) paravirtual: bool,
}

const fn kind(name: &'static str, architecture: &'static str, cores: u64, threads: u64, nitro: bool) -> Kind {
    Kind {
        name,
        architecture,
        cores,
        threads,
        nitro,
        paravirtual: false,
    }
}

const KINDS: [Kind; 16] = [
    kind("t3.micro", "x86_64", 1, 2, true),
    kind("t3.medium", "x86_64", 1, 2, true),
    kind("t4g.small", "arm64", 2, 1, true),
    kind("m5.large", "x86_64", 1, 2, true),
    kind("m6i.2xlarge", "x86_64", 4, 2, true),
    kind("m7g.xlarge", "arm64", 4, 1, true),
    kind("c6a.4xlarge", "x86_64", 8, 2, true),
    kind("c7g.large", "arm64", 2, 1, true),
    kind("r5.4xlarge", "x86_64", 8, 2, true),
    kind("r6i.large", "x86_64", 1, 2, true),
    kind("t2.small", "x86_64", 1, 1, false),
    kind("m4.xlarge", "x86_64", 2, 2, false),
    kind("g4dn.xlarge", "x86_64", 2, 2, true),
    kind("p4d.24xlarge", "x86_64", 48, 2, true),
    kind("mac2.metal", "arm64_mac", 8, 1, true),
    Kind {
        paravirtual: true,
        ..kind("t1.micro", "i386", 1, 1, false)
    },
];

/// How an instance was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    OnDemand,
    Spot,
    Scheduled,
    CapacityBlock,
}

/// What runs on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) details: &'static str,
    pub(crate) usage: &'static str,
}

const LINUX: Platform = Platform {
    details: "Linux/UNIX",
    usage: "RunInstances",
};
const OTHERS: [Platform; 4] = [
    Platform {
        details: "Red Hat Enterprise Linux",
        usage: "RunInstances:0010",
    },
    Platform {
        details: "SUSE Linux",
        usage: "RunInstances:000g",
    },
    Platform {
        details: "Windows",
        usage: "RunInstances:0002",
    },
    Platform {
        details: "Windows with SQL Server Standard",
        usage: "RunInstances:0006",
    },
];

/// The traits of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Traits {
    pub(crate) id: u64,
    pub(crate) index: u32,
    pub(crate) state: State,
    pub(crate) kind: Kind,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) platform: Platform,
    pub(crate) tenancy: &'static str,
    pub(crate) launched: i64,
    pub(crate) zone: u8,
    pub(crate) public: bool,
    pub(crate) ipv6: bool,
    pub(crate) outpost: bool,
    pub(crate) interfaces: u64,
    pub(crate) volumes: u64,
    pub(crate) managed: bool,
    /// An answer leaves it out, unless it is asked for managed instances.
    pub(crate) hidden: bool,
    /// Draws the rest.
    pub(crate) chance: Chance,
}

impl Traits {
    pub(crate) fn of(fleet: &Fleet, index: u32) -> Self {
        let id = fleet.id(index);
        let mut chance = Chance::new(id);
        let state = match chance.below(100) {
            0..80 => State::Running,
            80..91 => State::Stopped,
            91..95 => State::Terminated,
            95..97 => State::Pending,
            97..99 => State::Stopping,
            _ => State::ShuttingDown,
        };
        let kind = chance.pick(&KINDS);
        let mac = kind.architecture == "arm64_mac";
        let lifecycle = match chance.below(100) {
            _ if mac => Lifecycle::OnDemand,
            0..14 => Lifecycle::Spot,
            14..16 => Lifecycle::Scheduled,
            16..18 => Lifecycle::CapacityBlock,
            _ => Lifecycle::OnDemand,
        };
        let platform = match chance.below(100) {
            0..70 => LINUX,
            _ if kind.architecture != "x86_64" => LINUX,
            number => OTHERS[(number % 4) as usize],
        };
        let tenancy = match chance.below(100) {
            _ if mac => "host",
            0..90 => "default",
            90..95 => "dedicated",
            _ => "host",
        };
        // Between September 2023 and March 2026; members of a reservation start together.
        let start = fleet.number(fleet.reservation_start(index), 0x57a7);
        let mut traits = Self {
            id,
            index,
            state,
            kind,
            lifecycle,
            platform,
            tenancy,
            launched: 1_695_000_000 + i64::from((start >> 38) as u32) + i64::from(index % 8),
            zone: b'a' + chance.below(3) as u8,
            public: chance.percent(35),
            ipv6: chance.percent(15),
            outpost: chance.percent(2),
            interfaces: if chance.percent(12) { 2 + chance.below(2) } else { 1 },
            volumes: if chance.percent(30) { 2 + chance.below(3) } else { 1 },
            managed: chance.percent(4),
            hidden: false,
            chance,
        };
        traits.hidden = traits.managed && fleet.hides_managed;
        traits
    }

    pub(crate) fn windows(&self) -> bool {
        self.platform.details.starts_with("Windows")
    }

    /// Which of the region's images it was launched from.
    pub(crate) fn image(&self) -> u64 {
        self.id & 7
    }

    /// 10.x.y.z; the interface's number moves it into another block.
    pub(crate) fn private_ip(&self, interface: u64) -> [u8; 4] {
        let bits = self.id >> 24;
        [
            10,
            (bits >> 16) as u8 & 0x7f | ((interface as u8 & 1) << 7),
            (bits >> 8) as u8,
            bits as u8 & 0xfc | interface as u8 & 3,
        ]
    }

    pub(crate) fn public_ip(&self) -> [u8; 4] {
        let bits = self.id >> 8;
        [
            if bits & 1 == 0 { 3 } else { 52 },
            (bits >> 17) as u8,
            (bits >> 9) as u8,
            (bits >> 1) as u8,
        ]
    }

    pub(crate) fn has_public_ip(&self) -> bool {
        self.public && matches!(self.state, State::Running)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::estate::{Account, Estate};

    #[test]
    fn the_same_seed_gives_the_same_instances_and_another_gives_others() {
        let mut estate = Estate::new(Account::new("111122223333").instances("eu-west-1", 500));
        let draw = |estate: &Estate| -> Vec<String> {
            let fleet = Fleet::of(estate, "111122223333", "eu-west-1");
            (0..500)
                .map(|index| format!("{:?}", Traits::of(&fleet, index)))
                .collect()
        };
        let first = draw(&estate);
        assert_eq!(first, draw(&estate));
        estate.seed(2);
        assert_ne!(first, draw(&estate));
    }

    #[test]
    fn every_state_and_every_kind_comes_up() {
        let estate = Estate::new(Account::new("111122223333").instances("eu-west-1", 3_000));
        let fleet = Fleet::of(&estate, "111122223333", "eu-west-1");
        let all: Vec<Traits> = (0..3_000).map(|index| Traits::of(&fleet, index)).collect();
        let distinct = |of: fn(&Traits) -> String| all.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(|traits| traits.state.name().to_owned()), 6);
        assert_eq!(distinct(|traits| traits.kind.name.to_owned()), KINDS.len());
        assert_eq!(distinct(|traits| format!("{:?}", traits.lifecycle)), 4);
        assert_eq!(distinct(|traits| traits.platform.details.to_owned()), 5);
    }
}
