using System.Diagnostics;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>The action's image, built once for all tests by the script that users have, from what is published.</summary>
internal static class ActionImage
{
    private static readonly Lazy<Task<string>> Building = new(BuildAsync);

    /// <summary>Its tag.</summary>
    public static Task<string> TagAsync() => Building.Value;

    /// <summary>Removes it, where it was built.</summary>
    public static async Task RemoveAsync()
    {
        if (Building.IsValueCreated && Building.Value.IsCompletedSuccessfully)
        {
            await DockerCli.RunAsync(CancellationToken.None, "image", "rm", "--force", await Building.Value);
        }
    }

    private static async Task<string> BuildAsync()
    {
        string tag = $"isolated-agents/action-test:{Guid.NewGuid():N}";
        (int exitCode, string said) = await RunScriptAsync("build/action-image.sh", tag);
        Assert.AreEqual(0, exitCode, said);
        return tag;
    }

    /// <summary>Runs a script that builds the image, with what is published where something is.</summary>
    public static async Task<(int ExitCode, string Said)> RunScriptAsync(string script, params string[] arguments)
    {
        string root = Root();
        string? executable = Environment.GetEnvironmentVariable("IA_TEST_COMMAND_LINE");
        string published = Path.Combine(root, "artifacts/publish/IsolatedAgents.Action/release_linux-x64");
        string[] options =
            executable is { Length: > 0 } ? ["--published", Path.GetDirectoryName(executable)!]
            : Directory.Exists(published) ? ["--published", published]
            : [];
        ProcessStartInfo start = new("bash", [Path.Combine(root, script), .. arguments, .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No test asks a registry for a base.
        start.Environment["RUNTIME_IMAGE"] = SandboxHost.PythonImage;
        using Process build = Process.Start(start)!;
        Task<string> output = build.StandardOutput.ReadToEndAsync();
        Task<string> error = build.StandardError.ReadToEndAsync();
        await build.WaitForExitAsync();
        return (build.ExitCode, await error + await output);
    }

    public static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "IsolatedAgents.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests do not run from the repository.");
    }
}
