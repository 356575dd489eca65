//! Exercises of notebook 06, troubleshooting, and the capstone of the workbook.

use super::super::check::Exercise;
use crate::client::PLACEHOLDER;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend(), capstone()]
}

/// A request whose longest run is not what it waits for.
fn predict() -> Exercise {
    Exercise::new("06.predict", "Say what is worth making faster")
        .goal("Your prediction names the run that the gateway waits for longest in one piece, the run that could take no time at all without anybody noticing, and the code of the finding that saves most.")
        .minutes(10)
        .hint("Add up what is in the cell: three searches, one after the other, and an answer. What runs beside all of that, and is it still running when the answer is there?")
        .hint("The critical path is walked backward: what ended last below the gateway, and what had ended before that began? A run beside it that ends earlier is never on it, however long it is.")
        .hint("Of the searches each is shorter than the answer. They differ in what they ask and none asks for what another one found: the finding's code begins with `LT05`, and `performance_findings` tells it.")
        .why("What counts is not how long a run takes, but whether somebody waits for it. The safety check is the longest run and hidden behind the others, so a faster one changes nothing; the answer is the longest piece of the path; and the searches, each of them short, are waited for one after the other without a reason.")
        .run("gateway").root().from_service("gateway")
        .run("check safety").below("gateway").of_type(RunType::Tool)
        .run("search pages").times(3).below("gateway").of_type(RunType::Retriever).with_input("query")
        .run("write answer").below("gateway").of_type(RunType::Llm).after("search pages")
        .run("prediction").root()
        .predicts("waits_for", "write answer", "which single run is the longest piece of the critical path")
        .predicts("saves_nothing", "check safety", "which run ends while something else is still waited for")
        .predicts("code", "LT051", "what do three calls have in common that do not need each other")
        .nothing_else()
        .nothing_lost()
}

/// The morning after: a process was killed, another one forgot a run before it was sent.
fn repair() -> Exercise {
    Exercise::new("06.repair", "Make the trace whole again")
        .goal("One whole trace: the search of the process that is gone ends with an error, the generator hangs below a placeholder for its lost caller, and the index of the process that is alive ends as it should. Nothing is sent a second time.")
        .minutes(15)
        .hint("Print the plan before you carry it out: `println!(\"{plan}\")` says what would be sent, and why. Which run of the tree is still at work?")
        .hint("`close_pending` takes a rule: `PendingRule::all().metadata(\"host\", …)` names the process that is gone. What `adopt_orphans` plans are the runs that somebody names as a parent and nobody has sent.")
        .hint("`close_pending(&runs, &PendingRule::all().metadata(\"host\", \"worker-1\"))` and `adopt_orphans(&runs)`, both carried out, in the place of the plan that does nothing.")
        .why("Only whoever knows which process is gone can say which pending run will never end; a rule that takes all of them writes an error over work that goes on, and LangSmith keeps the first end it hears. The place of a lost parent is known from its children's dotted orders, so a placeholder under its id makes the trace whole without touching a run that is there.")
        .run("gateway").root().from_service("gateway").succeeded()
        .run("search docs").below("gateway").from_service("retriever").failed_with("the process ended")
        .run("index pages").below("gateway").from_service("retriever").succeeded()
        .run("(lost) above generator").below("gateway").tagged(PLACEHOLDER)
        .run("generator").below("(lost) above generator").from_service("generator").succeeded()
        .one_trace()
        .nothing_else()
        .nothing_lost()
}

/// An import that reads a file which somebody else wrote.
fn extend() -> Exercise {
    Exercise::new("06.extend", "Bring the import into the trace")
        .goal("Each page is imported below the export that wrote its line, by a program that shares nothing with it but the file, and knows the user. A line that an older export wrote is imported as before, as a root. No line's context is told as an input.")
        .minutes(15)
        .hint("The importer sees the file and nothing else. So what has to be in each line, and who knows it when the line is written?")
        .hint("A JSON object is a carrier: `propagator.inject(&context, &mut line)` when it is written, and `propagator.extract(&line).context` when it is read. An older line has none, and `.parent(None)` makes a root.")
        .hint("The importer has to believe the file: `LangSmithPropagator::new().policy(TrustPolicy::Continue)`. And `propagator.strip(&mut line)` takes the context out again before the line becomes the run's inputs.")
        .why("Whatever holds a few words can carry a context: here two more keys in each line. The line belongs to the run that wrote it, so its import stands below that one and inherits the user, in another program. Reading is tolerant, so old lines go on working; and what was carried is taken out again, because it is no input.")
        .run("gateway").root().from_service("gateway")
        .run("export").below("gateway").from_service("gateway")
        .run("import headers").below("export").from_service("importer").metadata("user", "ada").with_input("page")
        .run("import spawn").below("export").from_service("importer").metadata("user", "ada").with_input("page")
        .run("import baggage").root().from_service("importer").with_input("page")
        .done()
        .nowhere_said("langsmith-trace")
        .nothing_else()
        .nothing_lost()
}

/// Three services with a fault of each kind.
fn capstone() -> Exercise {
    Exercise::new("06.capstone", "Five faults in three services")
        .goal("One question is one trace again: the retriever is below `find`, the pages are read at the same time, `write` ends, the generator is below `write`, and the tokens count once. No run goes missing on the way.")
        .minutes(40)
        .hint("Look at the tree, then ask the doctor: `examine(&lesson.mock().evidence())`. It names three of the five. A fourth shows when the headers of the call are added, as sent and as received; the fifth is a place that only somebody who knows the program can call wrong.")
        .hint("Go by the kinds of this page: what stands between `find` and the retriever? Whose headers does the generator get? Who keeps a handle of a run? How many runs of type `llm` speak of one call? What does each page wait for?")
        .hint("`.strip(…)` goes; the generator is asked on behalf of `write`; `write` is ended before the root; `chat` becomes a `RunType::Chain`; and the three pages are read in tasks of a `JoinSet` of `common`, or by `futures_util::future::join_all`.")
        .why("Each fault had its own witness. The header that was stripped shows at the receiver; the serial reads show in the times; the kept handle in a run without an end; the wrong place in nothing but the tree, because every header was valid; and the doubled call in the sum of the tokens. One by one they are small. Together they are an incident, and you have taken it apart.")
        .run("gateway").root().from_service("gateway").succeeded()
        .run("find").below("gateway").from_service("gateway")
        .run("retriever").below("find").from_service("retriever").header("langsmith-trace").arrived()
        .run("search docs").below("retriever").of_type(RunType::Retriever)
        .run("read page").times(3).below("find").of_type(RunType::Tool).alongside("read page")
        .run("write").below("gateway").succeeded()
        .run("generator").below("write").from_service("generator")
        .run("write answer").below("generator").of_type(RunType::Llm)
        .run("chat").below("write").of_type(RunType::Chain)
        .run("call model").below("chat").of_type(RunType::Llm).used_tokens(300, 50)
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
