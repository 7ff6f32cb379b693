namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>An agent in .NET, for images that have no runtime.</summary>
internal static class DotNetAgent
{
    /// <summary>How it is started in the sandbox.</summary>
    public const string Command = "/workspace/dotnet/dotnet /workspace/agent/IsolatedAgents.HttpClientAgent.dll";

    /// <summary>Copies the runtime that runs this test, and the agent: what an agent in .NET would bring along.</summary>
    public static void CopyTo(string workspace)
    {
        string shared = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string root = Path.GetFullPath(Path.Combine(shared, "../../.."));
        string target = Path.Combine(workspace, "dotnet");
        string version = Path.GetFileName(shared);
        foreach (
            string file in Directory
                .EnumerateFiles(shared)
                .Concat(Directory.EnumerateFiles(Path.Combine(root, "host", "fxr"), "*", SearchOption.AllDirectories))
                .Append(Path.Combine(root, "dotnet"))
        )
        {
            string copy = Path.Combine(target, Path.GetRelativePath(root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        Assert.IsTrue(Directory.Exists(Path.Combine(target, "shared", "Microsoft.NETCore.App", version)));
        string agent = Path.GetFullPath(
            Path.Combine(
                AppContext.BaseDirectory,
                "../../IsolatedAgents.HttpClientAgent",
                Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory))
            )
        );
        Directory.CreateDirectory(Path.Combine(workspace, "agent"));
        foreach (string file in Directory.EnumerateFiles(agent, "IsolatedAgents.HttpClientAgent.*"))
        {
            File.Copy(file, Path.Combine(workspace, "agent", Path.GetFileName(file)));
        }
    }
}
