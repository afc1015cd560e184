//! Where a watcher stands and what it does next, without a word of I/O.

use std::time::Duration;

use osmoda_api::watch::{Action, ActionKind, CheckState, WatcherState};
use serde::{Deserialize, Serialize};

/// The window in which turns are counted.
const FLAPPING: Duration = Duration::from_secs(600);
const DEFAULT_WAIT: u32 = 10;

/// What a watcher is by its settings.
#[derive(Clone, Debug)]
pub(super) struct Rules<'a> {
    pub(super) failures: u32,
    pub(super) flaps: u32,
    pub(super) actions: &'a [Action],
}

/// What is so around it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// Something that it depends on is down.
    pub(super) blocked: bool,
    /// Nobody is to be told now.
    pub(super) quiet: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Do {
    Nothing,
    /// This rung, for which time it is.
    Act(Action),
    /// It is well again after it was not.
    Recovered,
}

/// Where a watcher stands. Kept across restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ladder {
    pub(super) state: WatcherState,
    pub(super) failures: u32,
    /// Whether it counts as bad since it was good last.
    pub(super) down: bool,
    pub(super) rung: u32,
    pub(super) tries: u32,
    /// Before this nothing more is done, in milliseconds since 1970.
    pub(super) wait_until: u64,
    /// When it turned from good to bad lately.
    pub(super) turns: Vec<u64>,
    pub(super) last: Option<String>,
}

impl Ladder {
    /// Counts a look at `now` (milliseconds since 1970) and says what is to be done.
    pub(super) fn count(
        &mut self,
        found: CheckState,
        is_final: bool,
        now: u64,
        rules: &Rules<'_>,
        around: Around,
    ) -> Do {
        match found {
            CheckState::Pending => Do::Nothing,
            CheckState::Ok => self.good(now, rules),
            CheckState::Failing => self.bad(is_final, now, rules, around),
        }
    }

    fn is_flapping(&mut self, now: u64, rules: &Rules<'_>) -> bool {
        let window = u64::try_from(FLAPPING.as_millis()).unwrap_or(u64::MAX);
        self.turns.retain(|turn| now.saturating_sub(*turn) < window);
        self.turns.len() >= usize::try_from(rules.flaps).unwrap_or(usize::MAX)
    }

    fn good(&mut self, now: u64, rules: &Rules<'_>) -> Do {
        let acted = self.rung > 0 || self.tries > 0;
        let was_down = matches!(self.state, WatcherState::Failing | WatcherState::Flapping | WatcherState::Blocked);
        let flapping = self.is_flapping(now, rules);
        (self.failures, self.down) = (0, false);
        if flapping {
            // Where it was told of already, it is not told again with each turn.
            self.state = WatcherState::Flapping;
            return Do::Nothing;
        }
        (self.rung, self.tries, self.wait_until) = (0, 0, 0);
        self.state = WatcherState::Ok;
        if was_down && acted { Do::Recovered } else { Do::Nothing }
    }

    fn bad(&mut self, is_final: bool, now: u64, rules: &Rules<'_>, around: Around) -> Do {
        self.failures = self.failures.saturating_add(1);
        if self.failures < rules.failures && !is_final {
            if matches!(self.state, WatcherState::New | WatcherState::Ok | WatcherState::Paused) {
                self.state = WatcherState::Suspect;
            }
            return Do::Nothing;
        }
        if !self.down {
            self.down = true;
            self.turns.push(now);
        }
        let flapping = self.is_flapping(now, rules);
        self.state = match (around.blocked, flapping) {
            (true, _) => WatcherState::Blocked,
            (_, true) => WatcherState::Flapping,
            _ => WatcherState::Failing,
        };
        if around.blocked || now < self.wait_until {
            return Do::Nothing;
        }
        self.climb(flapping, now, rules, around)
    }

    fn climb(&mut self, flapping: bool, now: u64, rules: &Rules<'_>, around: Around) -> Do {
        loop {
            let rung = usize::try_from(self.rung).unwrap_or(usize::MAX);
            let Some(action) = rules.actions.get(rung) else { return Do::Nothing };
            if flapping && action.action != ActionKind::Notify {
                (self.rung, self.tries) = (self.rung + 1, 0);
                continue;
            }
            if around.quiet && action.action == ActionKind::Notify {
                return Do::Nothing;
            }
            self.tries += 1;
            self.wait_until = now + u64::from(action.wait_secs.unwrap_or(DEFAULT_WAIT)) * 1000;
            if self.tries >= action.tries.unwrap_or(1) {
                (self.rung, self.tries) = (self.rung + 1, 0);
            }
            return Do::Act(action.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: ActionKind, tries: u32, wait_secs: u32) -> Action {
        Action { action: kind, tries: Some(tries), wait_secs: Some(wait_secs), ..Action::default() }
    }

    struct Story {
        ladder: Ladder,
        actions: Vec<Action>,
        now: u64,
        around: Around,
        said: Vec<String>,
    }

    impl Story {
        fn new(actions: &[Action]) -> Self {
            let (ladder, around) = (Ladder::default(), Around::default());
            Self { ladder, actions: actions.to_vec(), now: 1_000_000, around, said: Vec::new() }
        }

        /// One look a letter, ten seconds apart: `o`k, `f`ailing, `d`ead by the system's own word, `p`ending.
        fn tell(&mut self, looks: &str) -> String {
            let before = self.said.len();
            for letter in looks.chars() {
                let (found, is_final) = match letter {
                    'o' => (CheckState::Ok, false),
                    'f' => (CheckState::Failing, false),
                    'd' => (CheckState::Failing, true),
                    _ => (CheckState::Pending, false),
                };
                let rules = Rules { failures: 2, flaps: 4, actions: &self.actions };
                let what = match self.ladder.count(found, is_final, self.now, &rules, self.around) {
                    Do::Nothing => ".".to_owned(),
                    Do::Recovered => "ok".into(),
                    Do::Act(action) => action.action.as_str().to_owned(),
                };
                self.said.push(what);
                self.now += 10_000;
            }
            self.said[before..].join(" ")
        }
    }

    #[test]
    fn the_ladder_is_climbed_rung_by_rung_each_with_its_tries_and_waits() {
        let all =
            [action(ActionKind::Restart, 2, 10), action(ActionKind::Rollback, 1, 30), action(ActionKind::Notify, 1, 0)];
        let mut story = Story::new(&all);
        assert_eq!(story.tell("oofffffffff"), ". . . restart restart rollback . . notify . .");
        assert_eq!(story.ladder.state, WatcherState::Failing);
        assert_eq!(story.tell("oo"), "ok .");
        assert_eq!(story.ladder.state, WatcherState::Ok);
        assert_eq!(story.tell("ff"), ". restart", "it begins at the first rung again");
    }

    #[test]
    fn what_the_system_calls_dead_is_not_looked_at_twice() {
        let mut story = Story::new(&[action(ActionKind::Restart, 3, 10)]);
        assert_eq!(story.tell("oddd"), ". restart restart restart");
        assert_eq!(Story::new(&[action(ActionKind::Restart, 3, 10)]).tell("ofofo"), ". . . . .");
    }

    #[test]
    fn what_starts_is_waited_for() {
        let mut story = Story::new(&[action(ActionKind::Restart, 3, 10)]);
        assert_eq!(story.tell("odppppo"), ". restart . . . . ok");
    }

    #[test]
    fn what_flaps_is_only_told_once() {
        let all = [action(ActionKind::Restart, 9, 0), action(ActionKind::Notify, 1, 0)];
        let mut story = Story::new(&all);
        assert_eq!(story.tell("odododod"), ". restart ok restart ok restart ok notify");
        assert_eq!(story.ladder.state, WatcherState::Flapping);
        assert_eq!(story.tell("ododod"), ". . . . . .");
        // After ten quiet minutes it is itself again.
        assert_eq!(story.tell(&"o".repeat(61)).matches("restart").count(), 0);
        assert_eq!(story.ladder.state, WatcherState::Ok);
        assert_eq!(story.tell("d"), "restart");
    }

    #[test]
    fn it_is_silent_while_a_parent_is_down_and_speaks_when_it_is_up() {
        let mut story = Story::new(&[action(ActionKind::Notify, 1, 0)]);
        story.around.blocked = true;
        assert_eq!(story.tell("offff"), ". . . . .");
        assert_eq!(story.ladder.state, WatcherState::Blocked);
        story.around.blocked = false;
        assert_eq!(story.tell("f"), "notify");
    }

    #[test]
    fn quiet_hours_hold_the_telling_back_and_nothing_else() {
        let mut story = Story::new(&[action(ActionKind::Restart, 1, 0), action(ActionKind::Notify, 1, 0)]);
        story.around.quiet = true;
        assert_eq!(story.tell("offff"), ". . restart . .");
        story.around.quiet = false;
        assert_eq!(story.tell("ff"), "notify .");
    }

    #[test]
    fn where_it_stands_survives_being_written_down() {
        let mut story = Story::new(&[action(ActionKind::Restart, 3, 0)]);
        story.tell("off");
        let text = serde_json::to_string(&story.ladder).unwrap();
        assert_eq!(serde_json::from_str::<Ladder>(&text).unwrap(), story.ladder);
        assert_eq!((story.ladder.rung, story.ladder.tries), (0, 1));
    }
}
