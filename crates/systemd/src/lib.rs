//! systemd over D-Bus: its units and timers, how one stands, and what may be done to them. Every wait has a deadline;
//! where systemd does not run the machine, everything says so.

mod bus;
mod control;
mod error;
mod events;
mod jobs;
mod name;
mod timers;
mod transient;
mod units;

pub use self::{
    bus::{Bus, is_here},
    error::SystemdError,
    events::{Change, Changes},
    jobs::{Alarm, Ended, OneShot},
    name::unit_name,
    timers::Timer,
    transient::Setting,
    units::{Unit, UnitState},
};
