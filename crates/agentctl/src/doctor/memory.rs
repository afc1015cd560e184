//! Whether memory finds by meaning, and whether all of its files can be read.

use osmoda_api::agentd::{MemoryHealth, MemoryHealthReport};
use osmoda_ipc::Nothing;

use super::{Finding, PATIENCE, Patient};

const CHECK: &str = "memory";
const INSTALL: &str = "agentctl memory model install FOLDER installs one, such as all-MiniLM-L6-v2";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.daemons.contains(&"agentd") {
        return Vec::new();
    }
    let Ok(client) = patient.context.client("agentd") else { return Vec::new() };
    match tokio::time::timeout(PATIENCE, client.call::<MemoryHealth>(&Nothing {})).await {
        Ok(Ok(health)) => judge(&health),
        // That it does not answer is the sockets' finding.
        _ => Vec::new(),
    }
}

fn judge(health: &MemoryHealthReport) -> Vec<Finding> {
    let model = match (&health.model, &health.model_trouble) {
        (_, Some(trouble)) => Finding::bad(CHECK, format!("the embedding model does not work: {trouble}"), INSTALL),
        (None, None) => Finding::care(CHECK, "no embedding model: recall finds words, and no meaning", INSTALL),
        (Some(model), None) if health.to_embed > 0 => {
            Finding::good(CHECK, format!("{} embeds what is stored; {} texts wait for it", model.name, health.to_embed))
        }
        (Some(model), None) => Finding::good(CHECK, format!("{} embeds what is stored", model.name)),
    };
    let damaged = health.damaged.first().map(|first| {
        let more = match health.damaged.len() {
            1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        let advice = "mend or remove them: agentctl memory health names them";
        Finding::care(CHECK, format!("{first} can't be read as a memory{more}"), advice)
    });
    [model].into_iter().chain(damaged).collect()
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::MemoryModel;

    use super::{super::Standing, *};

    #[test]
    fn what_memory_lacks_is_found() {
        let model = Some(MemoryModel { name: "MiniLM".into(), ..MemoryModel::default() });
        let healthy = MemoryHealthReport { model: model.clone(), ..MemoryHealthReport::default() };
        let torn = vec!["notes/a.md".to_owned(), "notes/b.md".into()];
        for (health, standings, text) in [
            (healthy.clone(), vec![Standing::Good], "MiniLM embeds what is stored"),
            (MemoryHealthReport { to_embed: 3, ..healthy.clone() }, vec![Standing::Good], "3 texts wait"),
            (MemoryHealthReport::default(), vec![Standing::Care], "no embedding model"),
            (
                MemoryHealthReport {
                    model_trouble: Some("its config.json is gone".into()),
                    ..MemoryHealthReport::default()
                },
                vec![Standing::Bad],
                "config.json is gone",
            ),
            (
                MemoryHealthReport { damaged: torn, ..healthy },
                vec![Standing::Good, Standing::Care],
                "notes/a.md can't be read as a memory, and 1 more",
            ),
        ] {
            let findings = judge(&health);
            assert_eq!(findings.iter().map(|finding| finding.standing).collect::<Vec<_>>(), standings, "{text}");
            assert!(findings.last().unwrap().found.contains(text), "{findings:?}");
            assert!(findings.iter().all(|finding| finding.advice.is_some() == (finding.standing != Standing::Good)));
        }
    }
}
