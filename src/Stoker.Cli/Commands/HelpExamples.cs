using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Stoker.Cli.Output;

namespace Stoker.Cli.Commands;

/// <summary>Adds examples to each verb's help, and the exit codes to the program's.</summary>
public static class HelpExamples
{
    private static readonly Dictionary<string, string[]> Examples = new()
    {
        ["stoker"] = ["stoker run tiny \"What is a blob?\"", "stoker run qwen2.5:0.5b", "stoker pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0", "stoker ls"],
        ["run"] =
        [
            "stoker run tiny                                     # chat",
            "stoker run qwen2.5:0.5b \"Why is the sky blue?\"      # one answer",
            "git diff | stoker run qwen2.5:3b \"Explain this:\" -  # - is standard input",
            "stoker run ./model.gguf --temp 0 --seed 1 -v < prompt.txt",
            "stoker run qwen2.5:7b --session demo \"And in Spain?\"        # goes on in the kept conversation",
            "stoker run qwen2.5:7b --session demo --continue             # goes on with an answer that was broken off",
            "stoker run qwen2.5:7b --ctx 65536 --no-repack --headless   # loads it and leaves",
        ],
        ["chat"] =
        [
            "stoker chat tiny",
            "stoker chat qwen2.5:7b --session demo --no-start   # goes on where it was, also after a restart",
        ],
        ["pull"] =
        [
            "stoker pull qwen2.5:0.5b llama3.2:3b",
            "stoker pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0",
            "stoker pull ollama:qwen2.5:0.5b",
            "stoker pull -d qwen2.5:7b --limit-rate 20MB   # in the background; then: stoker jobs",
            "stoker pull --all                             # update what changed",
            "stoker pull hf:org/model --include '*.safetensors' '*.json'",
            "stoker pull s3://bucket/models/model-Q4_K_M.gguf",
        ],
        ["fetch"] =
        [
            "stoker fetch --url https://example.org/model.gguf --out model.gguf",
            "stoker fetch --url … --out m.gguf --workers 16 --sha256 64hexdigits --mirror https://other.example/m.gguf",
        ],
        ["verify"] = ["stoker verify qwen2.5:0.5b", "stoker verify --all"],
        ["repair"] = ["stoker repair qwen2.5:0.5b", "stoker repair --all", "stoker repair qwen2.5:0.5b --mirror /mnt/backup/model.gguf"],
        ["list"] = ["stoker ls", "stoker ls --json"],
        ["show"] = ["stoker show qwen2.5:0.5b", "stoker show ./model.gguf --template"],
        ["rm"] = ["stoker rm qwen2.5:0.5b"],
        ["df"] = ["stoker df", "stoker df --json"],
        ["gc"] = ["stoker gc --dry-run", "stoker gc"],
        ["ps"] = ["stoker ps", "stoker ps --json"],
        ["stop"] = ["stoker stop qwen2.5:0.5b", "stoker stop qwen2.5:0.5b --now    # ends its answers; sessions keep what they had", "stoker stop --all", "stoker serve --stop            # the daemon itself"],
        ["sessions"] = ["stoker sessions list", "stoker sessions fork recipes recipes-vegan", "stoker sessions export recipes", "stoker sessions import recipes.stoker-session --name copy", "stoker sessions verify"],
        ["sessions list"] = ["stoker sessions list", "stoker sessions list --all --json"],
        ["sessions show"] = ["stoker sessions show recipes"],
        ["sessions rm"] = ["stoker sessions rm recipes recipes-vegan"],
        ["sessions fork"] = ["stoker sessions fork recipes recipes-vegan"],
        ["sessions rename"] = ["stoker sessions rename recipes cooking"],
        ["sessions export"] = ["stoker sessions export recipes", "stoker sessions export recipes - | ssh host stoker sessions import - --name recipes"],
        ["sessions import"] = ["stoker sessions import recipes.stoker-session --name copy"],
        ["sessions verify"] = ["stoker sessions verify recipes", "stoker sessions verify"],
        ["jobs"] = ["stoker jobs", "stoker jobs --json"],
        ["pause"] = ["stoker pause 3"],
        ["resume"] = ["stoker resume 3"],
        ["cancel"] = ["stoker cancel 3"],
        ["serve"] =
        [
            "stoker serve                   # in the foreground; Ctrl-C ends it",
            "stoker serve --detach --port 8080",
            "STOKER_API_KEY=… stoker serve --host 0.0.0.0 --allow-host chat.example",
            "stoker serve --stop",
        ],
        ["status"] = ["stoker status", "stoker status --json"],
        ["health"] = ["stoker health"],
        ["logs"] = ["stoker logs -f", "stoker logs -n 50 qwen2.5:0.5b"],
        ["config"] = ["stoker config show", "stoker config set port 8080", "stoker config set sources ollama huggingface"],
        ["config set"] = ["stoker config set keep_alive 30m", "stoker config set allow_origins https://chat.example"],
        ["bench"] = ["stoker bench model qwen2.5:0.5b"],
        ["bench model"] = ["stoker bench model qwen2.5:7b --ctx 65536 --fill 16000 --no-repack"],
        ["completion"] =
        [
            "stoker completion bash > ~/.local/share/bash-completion/completions/stoker",
            "stoker completion zsh > \"${fpath[1]}/_stoker\"",
            "stoker completion fish > ~/.config/fish/completions/stoker.fish",
        ],
    };

    /// <summary>Puts them behind the standard help of every command.</summary>
    public static void AddTo(RootCommand root, CliConsole console)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
        {
            if (option.Action is HelpAction standard) option.Action = new WithExamples(standard, console);
        }
    }

    private sealed class WithExamples(HelpAction standard, CliConsole console) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = standard.Invoke(parseResult);
            var verbs = string.Join(' ', CommandLine.Verbs(parseResult));
            if (Examples.TryGetValue(verbs.Length > 0 ? verbs : "stoker", out var lines)) Write("Examples:", lines);
            if (parseResult.CommandResult.Command is RootCommand) Write("Exit codes:", ExitCodes.Table.Select(static row => $"{row.Code,3}  {row.Meaning}"));
            return code;
        }

        private void Write(string title, IEnumerable<string> lines)
        {
            console.Out.WriteLine(title);
            foreach (var line in lines) console.Out.WriteLine("  " + line);
            console.Out.WriteLine();
        }
    }
}
