//! The container task: `run-task` and the image, with stand-ins for `aws` and `docker`.

use super::*;

/// The task runs at the first look, and has ended at the second with the code $CODE.
const AWS: &str = r#"
echo "aws $@" >>"$CALLS"
case "$1 $2" in
    "cloudformation describe-stack-resource")
        echo '{"StackResourceDetail":{"PhysicalResourceId":"id"}}' ;;
    "lambda get-function-configuration") echo "{\"Environment\":{\"Variables\":{$TASK}}}" ;;
    "ecr describe-repositories")
        [ "$4" != missing ] || { echo "RepositoryNotFoundException" >&2; exit 254; }
        echo '{"repositories":[{"repositoryUri":"1.dkr.ecr.example/shop"}]}' ;;
    "ecr get-authorization-token")
        echo '{"authorizationData":[{"authorizationToken":"QVdTOnB3"}]}' ;;
    "ecs run-task") echo '{"tasks":[{"taskArn":"arn:task"}],"failures":[]}' ;;
    "ecs describe-tasks")
        if [ -e "$SEEN" ]; then
            echo "{\"tasks\":[{\"lastStatus\":\"STOPPED\",\"stoppedReason\":\"Essential container exited\",
                \"containers\":[{\"exitCode\":$CODE}]}]}"
        else
            echo '{"tasks":[{"lastStatus":"RUNNING"}]}'
        fi
        touch "$SEEN" ;;
    "logs filter-log-events")
        echo '{"events":[{"message":"{\"timestamp\":\"noon\",\"message\":\"still runs: CREATE INDEX\"}"}]}' ;;
esac
"#;

const DOCKER: &str = r#"
case "$1" in
    version) [ -z "$NO_ENGINE" ] ;;
    build) echo "docker $@" >>"$CALLS"; echo sha256:image ;;
    login) read -r password; echo "docker $@ <$password" >>"$CALLS" ;;
    *) echo "docker $@" >>"$CALLS" ;;
esac
"#;

const TASK: &str = r#""TASK":"{\"cluster\":\"c\",\"taskDefinition\":\"t\"}""#;

fn with_task(sandbox: &Sandbox, repository: &str) {
    sandbox.install_tool("cargo-lambda", CARGO_LAMBDA);
    sandbox.install_tool("sam", "");
    sandbox.install_tool("aws", AWS);
    sandbox.install("docker", DOCKER);
    let file = sandbox.root().join("samconfig.toml");
    let text = fs::read_to_string(&file).unwrap();
    let more = format!("[\"PostgresMajor=17\", \"Runner=task\", \"TaskRepository={repository}\", ");
    fs::write(file, text.replace("= [", &format!("= {more}"))).unwrap();
}

impl Sandbox {
    fn run_task(&self) -> Command {
        let mut command = self.deploy(&["run-task"]);
        command.env("TASK", TASK).env("CODE", "0").env("SEEN", self.at("seen"));
        command
    }
}

#[rstest]
#[case::applied("0", true)]
#[case::failed("1", false)]
fn runs_a_new_image_and_prints_its_log(
    sandbox: Sandbox,
    #[case] code: &str,
    #[case] succeeds: bool,
) {
    with_task(&sandbox, "shop");
    let text = output(sandbox.run_task().env("CODE", code), succeeds);
    let words = ["started arn:task", "noon still runs: CREATE INDEX", "Essential container exited"];
    says(&text, &words);
    assert_eq!(text.matches("still runs").count(), 1, "each line once: {text}");
    let calls = sandbox.calls().join("\n");
    for call in [
        "docker build --quiet --file kit/deploy/Dockerfile --platform=linux/arm64 target/package",
        "docker login --username AWS --password-stdin 1.dkr.ecr.example <pw",
        "docker tag sha256:image 1.dkr.ecr.example/shop:latest",
        "docker push 1.dkr.ecr.example/shop:latest",
        "aws ecs run-task --cli-input-json {\"cluster\":\"c\",\"taskDefinition\":\"t\"}",
        "aws ecs describe-tasks --cluster c --tasks arn:task",
    ] {
        assert!(calls.contains(call), "{call} is not in\n{calls}");
    }
}

#[rstest]
#[case::no_task("shop", "TASK", "", "app has no task: deploy it with Runner=\"task\" first")]
#[case::no_repository(
    "missing",
    "CODE",
    "0",
    "aws ecr create-repository --repository-name missing"
)]
#[case::no_engine("shop", "NO_ENGINE", "1", "Runner task needs Docker")]
fn says_what_it_needs(
    sandbox: Sandbox,
    #[case] repository: &str,
    #[case] variable: &str,
    #[case] value: &str,
    #[case] words: &str,
) {
    with_task(&sandbox, repository);
    let text = output(sandbox.run_task().env(variable, value), false);
    says(&text, &[words]);
    assert!(!sandbox.calls().join("\n").contains("run-task"), "{text}");
}

#[rstest]
#[case::an_engine("", "✓ image of the task: sha256:image")]
#[case::none("1", "image of the task: not built")]
fn package_builds_the_image(sandbox: Sandbox, #[case] no_engine: &str, #[case] words: &str) {
    with_task(&sandbox, "shop");
    let text = output(sandbox.deploy(&["package"]).env("NO_ENGINE", no_engine), true);
    says(&text, &[words]);
}
