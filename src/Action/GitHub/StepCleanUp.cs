using IsolatedAgents.CleanUp;
using IsolatedAgents.Engines;
using IsolatedAgents.Hosts.GitHub;

namespace IsolatedAgents.Action.GitHub;

/// <summary>Removes what a step that was killed has left, and nothing of any other run.</summary>
internal sealed class StepCleanUp(Terminal terminal)
{
    /// <summary>Never fails the job: what it cannot remove, it tells.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        if (StepState.Read(terminal.Environment) is not { } state)
        {
            return 0;
        }

        IReadOnlyList<Leftover> leftovers;
        try
        {
            leftovers = await new SessionCleaner(terminal.Environment).RunAsync(
                state.SessionId,
                Folders(),
                state.Output,
                cancellationToken
            );
        }
        catch (EngineException failure)
        {
            Tell($"What a killed step may have left was not looked for: {failure.Message}");
            return 0;
        }

        foreach (Leftover leftover in leftovers)
        {
            if (leftover.Problem is { } problem)
            {
                Tell($"The {leftover.Kind} '{leftover.Id}' of a killed step could not be removed: {problem}");
            }
            else
            {
                terminal.Output.WriteLine($"removed: {leftover.Kind} {leftover.Id}");
            }
        }

        return 0;
    }

    private string[] Folders() =>
        [
            .. new[] { terminal.Environment.GetValueOrDefault("RUNNER_TEMP") ?? "", Path.GetTempPath() }
                .Where(folder => folder.Length > 0)
                .Distinct(),
        ];

    private void Tell(string text) => terminal.Output.WriteLine(GitHubCommand.Of("warning", text, ("title", "Isolated agent")));
}
