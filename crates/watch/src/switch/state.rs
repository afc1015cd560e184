//! The state machine of a session, without a word of I/O: which moves there are, and what a restart means.

use osmoda_api::watch::{OnReboot, SwitchState};
use serde::{Deserialize, Serialize};

/// Why a session goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// Somebody asked for it.
    Asked,
    /// A check failed often enough.
    ChecksFailed,
    /// The change could not be made.
    ApplyFailed,
    /// The deadline passed and nobody had confirmed it: whoever watched is gone.
    Deadline,
    /// The machine was started anew within probation.
    Rebooted,
    /// Whoever made the change was killed while making it.
    Interrupted,
}

impl Cause {
    /// Whether the change itself is to blame, and is not to come again by itself.
    pub(crate) const fn blames_the_change(self) -> bool {
        match self {
            Self::ChecksFailed | Self::ApplyFailed | Self::Deadline | Self::Rebooted => true,
            Self::Asked | Self::Interrupted => false,
        }
    }
}

/// Whether a session may move so.
pub(crate) const fn may_move(from: SwitchState, to: SwitchState) -> bool {
    use SwitchState::{Applying, Committed, Failed, Preparing, Probation, RolledBack, RollingBack};
    matches!(
        (from, to),
        (Preparing, Applying | Failed | RollingBack)
            | (Applying, Probation | RollingBack)
            | (Probation, Committed | RollingBack | Probation)
            | (RollingBack, RolledBack | Failed)
            // A person may have a rollback that failed tried again, or leave it.
            | (Failed, RollingBack | Failed)
    )
}

/// What becomes of an open session whose driver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// Nothing was changed yet: it is over.
    Drop,
    /// It is undone.
    RollBack(Cause),
    /// Its program may still run in a unit of its own: its end decides.
    AwaitApply,
    /// Probation goes on until its deadline.
    GoOn,
    /// Probation begins anew.
    BeginAnew,
    /// The rollback goes on.
    GoOnBack,
}

/// What a session in this state becomes. `past_deadline` is of the clock since boot, and means something only within the
/// same boot.
pub(crate) const fn resumed(
    state: SwitchState,
    same_boot: bool,
    on_reboot: OnReboot,
    past_deadline: bool,
) -> Option<Resumed> {
    Some(match state {
        SwitchState::Preparing => Resumed::Drop,
        SwitchState::Applying if same_boot => Resumed::AwaitApply,
        SwitchState::Applying => Resumed::RollBack(Cause::Interrupted),
        SwitchState::Probation if same_boot && past_deadline => Resumed::RollBack(Cause::Deadline),
        SwitchState::Probation if same_boot => Resumed::GoOn,
        SwitchState::Probation => match on_reboot {
            OnReboot::Rollback => Resumed::RollBack(Cause::Rebooted),
            OnReboot::Resume => Resumed::BeginAnew,
        },
        SwitchState::RollingBack => Resumed::GoOnBack,
        SwitchState::Committed | SwitchState::RolledBack | SwitchState::Failed => return None,
    })
}

#[cfg(test)]
mod tests {
    use SwitchState::{Applying, Committed, Failed, Preparing, Probation, RolledBack, RollingBack};

    use super::*;

    const ALL: [SwitchState; 7] = [Preparing, Applying, Probation, Committed, RollingBack, RolledBack, Failed];

    #[test]
    fn what_is_kept_or_undone_moves_no_more() {
        for end in [Committed, RolledBack] {
            assert!(ALL.iter().all(|to| !may_move(end, *to)), "{end:?}");
            assert_eq!(resumed(end, true, OnReboot::Rollback, true), None);
        }
    }

    #[test]
    fn nothing_is_kept_that_was_not_watched() {
        let before: Vec<_> = ALL.into_iter().filter(|from| may_move(*from, Committed)).collect();
        assert_eq!(before, [Probation]);
        let before: Vec<_> = ALL.into_iter().filter(|from| may_move(*from, Probation)).collect();
        assert_eq!(before, [Applying, Probation]);
    }

    #[test]
    fn nothing_counts_as_undone_that_was_not_on_its_way_back() {
        let before: Vec<_> = ALL.into_iter().filter(|from| may_move(*from, RolledBack)).collect();
        assert_eq!(before, [RollingBack]);
    }

    #[test]
    fn every_open_session_ends_or_goes_on_after_a_crash_and_none_is_committed_by_it() {
        use OnReboot::{Resume, Rollback};
        use Resumed::{AwaitApply, BeginAnew, Drop, GoOn, GoOnBack, RollBack};
        for (state, same_boot, on_reboot, late, expected) in [
            (Preparing, true, Rollback, false, Drop),
            (Preparing, false, Resume, true, Drop),
            (Applying, true, Rollback, true, AwaitApply),
            (Applying, false, Resume, false, RollBack(Cause::Interrupted)),
            (Probation, true, Rollback, false, GoOn),
            (Probation, true, Resume, true, RollBack(Cause::Deadline)),
            (Probation, false, Rollback, false, RollBack(Cause::Rebooted)),
            (Probation, false, Resume, true, BeginAnew),
            (RollingBack, true, Rollback, false, GoOnBack),
            (RollingBack, false, Resume, true, GoOnBack),
        ] {
            assert_eq!(resumed(state, same_boot, on_reboot, late), Some(expected), "{state:?} {same_boot}");
        }
    }

    #[test]
    fn a_change_is_blamed_for_what_it_did_and_not_for_what_was_done_to_it() {
        for (cause, blamed) in [
            (Cause::Asked, false),
            (Cause::Interrupted, false),
            (Cause::ChecksFailed, true),
            (Cause::ApplyFailed, true),
            (Cause::Deadline, true),
            (Cause::Rebooted, true),
        ] {
            assert_eq!(cause.blames_the_change(), blamed, "{cause:?}");
        }
    }
}
