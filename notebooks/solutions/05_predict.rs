// Notebook 05, exercise “predict”: one rate for all, and failures fare like everything else.
let rates: [f64; 3] = [0.2, 0.2, 0.2];
let seen: u64 = 200;
lesson.clear();
let hundred: Day = Day::of(100, 0);
let chosen: [Client; 3] = hundred.services(&lesson, |client, service| {
    let at = DAY_SERVICES.iter().position(|name| *name == service);
    client.sampling_rate(rates[at.expect("a service of the day")])
});
hundred.ask([&chosen[0], &chosen[1], &chosen[2]]);
apart.client("prediction").run("prediction").metadata("seen", seen).start().end();
println!("{} runs have arrived", lesson.tree(1).await.len());
