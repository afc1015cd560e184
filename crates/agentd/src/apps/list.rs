//! The list of apps: the registry, and everything else that looks like one.

use std::path::Path;

use osmoda_api::agentd::{App, AppSource, Apps as AppList};
use osmoda_apps::{AppName, PREFIX, Registered, Wanted, found};
use osmoda_ipc::Fault;
use osmoda_systemd::Bus;

use super::{Apps, containers, listeners, loaded};
use crate::handlers::blocking;

impl Apps {
    pub(crate) async fn list(&self) -> Result<AppList, Fault> {
        let registered = self.registry.all()?;
        let mut list = AppList::default();
        let bus = Bus::connect().await;
        if let Err(error) = &bus {
            list.not_seen.push(format!("services: {error}"));
        }
        for app in &registered {
            list.apps.push(managed(app, bus.as_ref().ok()).await);
        }
        let units: Vec<String> = list.apps.iter().filter_map(|app| app.unit.clone()).collect();
        let is_known = |unit: &Option<String>| unit.as_ref().is_some_and(|unit| units.contains(unit));
        let mut others = Vec::new();
        if let Ok(bus) = &bus {
            others.extend(services(bus).await.into_iter().filter(|app| !is_known(&app.unit)));
        }
        match listeners().await {
            Ok(all) => others.extend(found::listeners(&all).into_iter().filter(|app| !is_known(&app.unit))),
            Err(fault) => list.not_seen.push(format!("listeners: {fault}")),
        }
        let (seen, not_seen) = containers::all().await;
        others.extend(seen);
        list.not_seen.extend(not_seen);
        others.extend(blocking(|| Ok::<_, Fault>(found::on_disk(Path::new("/")))).await?);
        list.apps.extend(found::once(others));
        Ok(list)
    }
}

/// An app of the registry, with what systemd says of it.
async fn managed(app: &Registered, bus: Option<&Bus>) -> App {
    let mut row = App {
        name: app.name.to_string(),
        source: AppSource::Managed,
        unit: Some(app.name.unit()),
        port: app.spec.port,
        detail: Some(app.spec.command.clone()),
        ..App::default()
    };
    let state = match bus {
        Some(bus) => loaded(bus, &app.name).await.ok().flatten(),
        None => None,
    };
    row.active = match (app.wanted, &state) {
        (Wanted::Stopped, _) => Some("stopped".into()),
        (_, Some(state)) => Some(state.active.clone()),
        (_, None) => bus.map(|_| "inactive".into()),
    };
    if let Some(state) = state {
        (row.pid, row.memory_bytes, row.restarts) = (state.pid, state.memory_bytes, state.restarts);
    }
    row
}

/// Running services that are called as apps are, whoever started them.
async fn services(bus: &Bus) -> Vec<App> {
    let mut apps = Vec::new();
    for unit in bus.units().await.unwrap_or_default() {
        let is_app = unit.name.starts_with(PREFIX) && unit.name.ends_with(".service") && unit.active == "active";
        let Some(name) = is_app.then(|| AppName::of_unit(&unit.name)).flatten() else { continue };
        let state = bus.state(&unit.name).await.unwrap_or_default();
        apps.push(App {
            name: name.to_string(),
            source: AppSource::App,
            unit: Some(unit.name),
            active: Some(unit.active),
            pid: state.pid,
            memory_bytes: state.memory_bytes,
            restarts: state.restarts,
            detail: Some(unit.description),
            ..App::default()
        });
    }
    apps
}
