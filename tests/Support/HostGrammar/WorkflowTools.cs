using System.Diagnostics;

namespace IsolatedAgents.HostGrammar;

/// <summary>What judges actions, workflows and SARIF as their hosts do, from npm. <c>build/setup.sh --for-tests</c> installs it.</summary>
internal static class WorkflowTools
{
    private const string Required = "IA_REQUIRE_WORKFLOW_TOOLS";

    /// <summary>The folder of an installed package.</summary>
    public static string Package(string name)
    {
        string folder = Path.Combine("/var/cache/isolated-agents/workflow-tools/node_modules", name);
        if (!Directory.Exists(folder) && Environment.GetEnvironmentVariable(Required) != "1")
        {
            Assert.Inconclusive($"'{folder}' is missing; build/setup.sh --for-tests installs it, and with {Required}=1 this is a failure.");
        }

        return folder;
    }

    /// <summary>Runs a script in Node.</summary>
    public static async Task<(int ExitCode, string Said)> NodeAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using Process node = Process.Start(
            new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        Task<string> output = node.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> error = node.StandardError.ReadToEndAsync(cancellationToken);
        await node.WaitForExitAsync(cancellationToken);
        return (node.ExitCode, await output + await error);
    }

    /// <summary>The repository's root.</summary>
    public static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "IsolatedAgents.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests do not run from the repository.");
    }
}
