//! Judges what the checks find during probation, without a word of I/O.

use std::time::Duration;

use osmoda_api::watch::{CheckResult, CheckState};

/// What probation says by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on looking.
    Wait,
    /// It proved itself to the end.
    Good,
    /// Undo it, for this reason.
    Bad(String),
}

/// The rules of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How long probation lasts.
    pub(crate) ttl: Duration,
    /// How often in a row a check must fail to count.
    pub(crate) failures: u32,
    /// How long a check that was never good may fail uncounted.
    pub(crate) grace: Duration,
}

/// A look, before it is counted.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) result: CheckResult,
    /// Nothing will come of waiting: the system itself says that it failed.
    pub(crate) is_final: bool,
}

/// What is known of each check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    last: Vec<CheckResult>,
    was_good: Vec<bool>,
}

impl Tally {
    /// Counts one look of every check, in their order; `elapsed` since probation began.
    pub(crate) fn count(&mut self, looks: Vec<Looked>, elapsed: Duration, rules: &Rules) -> Verdict {
        self.was_good.resize(looks.len(), false);
        let mut verdict = None;
        let mut looks = looks;
        for (index, look) in looks.iter_mut().enumerate() {
            let before = self.last.get(index).map_or(0, |last| last.failures);
            let slow = !self.was_good[index] && elapsed < rules.grace.min(rules.ttl);
            look.result.failures = match look.result.state {
                CheckState::Ok => {
                    self.was_good[index] = true;
                    0
                }
                CheckState::Pending => before,
                CheckState::Failing if slow && !look.is_final => before,
                CheckState::Failing => before + 1,
            };
            if look.result.failures >= rules.failures && verdict.is_none() {
                let CheckResult { name, message, failures, .. } = &look.result;
                verdict = Some(Verdict::Bad(format!("check {name} failed {failures} times in a row: {message}")));
            }
        }
        self.last = looks.into_iter().map(|look| look.result).collect();
        verdict.unwrap_or_else(|| self.at(elapsed, rules))
    }

    /// Every check's last result.
    pub(crate) fn results(&self) -> &[CheckResult] {
        &self.last
    }

    fn at(&self, elapsed: Duration, rules: &Rules) -> Verdict {
        if elapsed < rules.ttl {
            return Verdict::Wait;
        }
        match self.last.iter().find(|result| result.state != CheckState::Ok) {
            None => Verdict::Good,
            // What is still starting at the end never proved itself.
            Some(result) if result.state == CheckState::Pending => {
                Verdict::Bad(format!("check {} is still not there at the end: {}", result.name, result.message))
            }
            // It fails and does not count yet: one more look decides.
            Some(_) => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(state: CheckState, is_final: bool) -> Looked {
        Looked { result: CheckResult { name: "c".into(), state, ..CheckResult::default() }, is_final }
    }

    /// Looks every five seconds for a minute with a grace of ten; `o`k, `f`ailing, `p`ending, `d`ead.
    fn judge(story: &str) -> (usize, Verdict) {
        let rules = Rules { ttl: Duration::from_secs(60), failures: 2, grace: Duration::from_secs(10) };
        let mut tally = Tally::default();
        for (index, letter) in story.chars().enumerate() {
            let looked = match letter {
                'o' => look(CheckState::Ok, false),
                'f' => look(CheckState::Failing, false),
                'd' => look(CheckState::Failing, true),
                _ => look(CheckState::Pending, false),
            };
            let verdict = tally.count(vec![looked], Duration::from_secs(index as u64 * 5), &rules);
            if verdict != Verdict::Wait {
                return (index, verdict);
            }
        }
        (story.len(), Verdict::Wait)
    }

    #[test]
    fn green_to_the_end_is_good_and_not_a_look_sooner() {
        assert_eq!(judge("ooooooooooooo"), (12, Verdict::Good));
        assert_eq!(judge("oooooooooooo"), (12, Verdict::Wait));
        assert_eq!(judge("ofofofofofofo"), (12, Verdict::Good), "one failure in a row does not count");
    }

    #[test]
    fn a_check_counts_when_it_failed_often_enough_in_a_row() {
        assert_eq!(judge("ooff").0, 3);
        assert!(matches!(judge("ooff").1, Verdict::Bad(why) if why.contains("2 times")));
        assert_eq!(judge("oofoff").0, 5);
        // A look at what is starting neither counts nor forgives.
        assert_eq!(judge("oofpf").0, 4);
    }

    #[test]
    fn a_slow_starter_is_not_blamed_and_one_that_never_starts_is() {
        assert_eq!(judge("ffooooooooooo"), (12, Verdict::Good));
        assert_eq!(judge("ffff").0, 3, "grace ends after ten seconds");
        assert_eq!(judge("pppppppooooooo").1, Verdict::Good);
        assert!(matches!(judge("ppppppppppppp"), (12, Verdict::Bad(_))));
        // Once good, there is no grace any more.
        assert_eq!(judge("off").0, 2);
        // What the system itself calls failed has none either.
        assert_eq!(judge("dd").0, 1);
    }

    #[test]
    fn what_fails_at_the_end_is_looked_at_once_more() {
        assert_eq!(judge("oooooooooooofo").1, Verdict::Good);
        assert!(matches!(judge("ooooooooooooff"), (13, Verdict::Bad(_))));
    }

    #[test]
    fn without_checks_time_alone_decides() {
        let rules = Rules { ttl: Duration::from_secs(1), failures: 2, grace: Duration::ZERO };
        assert_eq!(Tally::default().count(Vec::new(), Duration::from_millis(999), &rules), Verdict::Wait);
        assert_eq!(Tally::default().count(Vec::new(), Duration::from_secs(1), &rules), Verdict::Good);
    }
}
