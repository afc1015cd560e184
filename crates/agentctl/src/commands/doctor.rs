//! `agentctl doctor`: whether the machine and the suite are as they should be, and what to do where they are not.

use serde::Serialize;

use crate::{
    context::Context,
    doctor::{Finding, Standing, examine},
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, FAINT, GOOD, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    findings: Vec<Finding>,
}

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let findings = examine(context).await;
    let ok = findings.iter().all(|finding| finding.standing != Standing::Bad);
    let exit = if ok { Exit::Fine } else { Exit::Failed };
    if context.output.is_json() {
        context.output.json(&Report { ok, findings })?;
    } else {
        context.output.text(&table(&findings).render(None, context.output.is_coloured()))?;
        context.output.line(&summary(&findings))?;
    }
    Ok(exit)
}

/// Two lines where something is to be done: advice that is cut helps nobody.
fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new(&[]);
    for finding in findings {
        let (style, word) = match finding.standing {
            Standing::Good => (GOOD, "ok"),
            Standing::Care => (CARE, "care"),
            Standing::Bad => (BAD, "bad"),
        };
        table.row([Cell::styled(style, word), finding.check.into(), finding.found.as_str().into()]);
        if let Some(advice) = &finding.advice {
            table.row(["".into(), "".into(), Cell::styled(FAINT, format!("-> {advice}"))]);
        }
    }
    table
}

fn summary(findings: &[Finding]) -> String {
    let count = |standing| findings.iter().filter(|finding| finding.standing == standing).count();
    match (count(Standing::Bad), count(Standing::Care)) {
        (0, 0) => "all is well".to_owned(),
        (0, care) => format!("it works; {care} to look at"),
        (bad, care) => format!("{bad} to mend, {care} to look at"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let finding = |standing, advice: Option<&str>| Finding {
            check: "clock",
            standing,
            found: "it is late".into(),
            advice: advice.map(str::to_owned),
        };
        let all = [finding(Standing::Good, None), finding(Standing::Bad, Some("turn it back"))];
        let text = table(&all).render(None, false);
        assert_eq!(text, "ok   clock  it is late\nbad  clock  it is late\n            -> turn it back\n");
        assert_eq!(summary(&all), "1 to mend, 0 to look at");
        assert_eq!(summary(&all[..1]), "all is well");
        assert_eq!(summary(&[finding(Standing::Care, Some("x"))]), "it works; 1 to look at");
    }
}
