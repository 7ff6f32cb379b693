using System.Globalization;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// A gate never vanishes: whatever way a build reaches its hook or packages its result, the agent has run, once, or the build says by a
/// code why not.
/// </summary>
[TestClass]
public sealed class GateTests
{
    private const int Minutes = 300_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    /// <summary>
    /// Steps, one after the other: what is run, how often that runs the agent, and the code that it gives where it fails or says something.
    /// In between,
    /// <c>edit</c> changes the source, <c>fail</c> makes the agent fail, <c>mend</c> lets it pass.
    /// </summary>
    [TestMethod]
    // Which build comes to the hook.
    [DataRow(
        "lib: build -m:2 -> 1 | lib: build -m:1 -> 1 | lib: build -f net10.0 -> 1 | lib: build -p:TargetFramework=netstandard2.1 -> 1 | lib: build -t:RunIsolatedAgents -> 1"
    )]
    [DataRow(
        "lib: build -t:Rebuild -m:2 -> 1 | lib: build -t:Rebuild -f net10.0 -> 1 | lib: build -p:GeneratePackageOnBuild=true -> 1 | lib: test -> 1"
    )]
    [DataRow("lib: build -graph -m:2 -> 1 | lib: build -graph -isolate -> 1 | lib: build -graph -p:InnerTargets=Compile -> 1")]
    [DataRow("lib: publish -f net10.0 -> 1 | lib: pack -> 1 | lib: run -f net10.0 --property:OutputType=Exe -> 1")]
    [DataRow(
        "app: build -> 1 | app: build -m:2 -p:Reference=framework -> 1 | app: build -p:Reference=configuration -> 1 | app: publish -> 1"
    )]
    [DataRow("app: build -graph -m:2 -> 1 | app: build -graph -isolate -> 1")]
    [DataRow("all.slnx: build -m:2 -> 1 | all.slnx: build -graph -m:2 -> 1 | all.slnx: build -t:Rebuild -m:2 -> 1")]
    [DataRow("one: build -> 1 | one: build -f net10.0 -> 1 | one: build -p:AsList=true -f net10.0 -> 1 | one: build -p:AsList=true -> 1")]
    // Where it is hooked.
    [DataRow(
        "lib: build -p:IsolatedAgentsAfterTargets=CoreCompile -m:2 -> 1 | lib: build -f net10.0 -p:IsolatedAgentsAfterTargets=CoreCompile -> 1"
    )]
    [DataRow("one: build -p:IsolatedAgentsAfterTargets=Biuld -> 0 IA8006 | lib: build -p:IsolatedAgentsAfterTargets=Biuld -> 0 IA8006")]
    [DataRow("lib: build -p:IsolatedAgentsAfterTargets=Pack -> 0 | lib: pack -p:IsolatedAgentsAfterTargets=Pack -> 1")]
    [DataRow("lib: publish -f net10.0 -p:IsolatedAgentsAfterTargets=Publish -> 1")]
    // Which items the build has.
    [DataRow(
        "lib: build -p:Items=framework -m:2 -> 1 | lib: build -f net10.0 -p:Items=framework -> 0 IA8002 | lib: build -f netstandard2.1 -p:Items=framework -> 1"
    )]
    [DataRow("one: build -p:Items=made -> 1 | one: build -f net10.0 -p:Items=made -> 1")]
    [DataRow(
        "lib: build -p:Items=target -p:IsolatedAgentsTargets=Step -m:2 -> 1 | lib: build -f net10.0 -p:Items=target -p:IsolatedAgentsTargets=Step -> 1"
    )]
    // What does not run it, and says so where it builds.
    [DataRow("lib: restore -> 0 | lib: build -f net10.0 -t:Compile -> 0 | lib: build -p:DesignTimeBuild=true -> 0")]
    [DataRow("one: build -p:DesignTimeBuild=true -p:IsolatedAgentsAfterTargets=CoreCompile -> 0")]
    [DataRow("lib: build -p:IsolatedAgentsEnabled=false -> 0 IA8001 | lib: build -f net10.0 -p:IsolatedAgentsEnabled=False -> 0 IA8001")]
    [DataRow("lib: build -p:Items=none -> 0 IA8002 | one: build -p:Items=none -> 0 IA8002")]
    [DataRow("lib: build -> 1 | app: build -p:BuildProjectReferences=false -> 0")]
    // What fails.
    [DataRow(
        "fail | lib: build -> 1 IA6001 | lib: build -> 1 IA6001 | lib: build -f net10.0 -> 1 IA6001 | app: build -> 1 IA6001 | mend | lib: build -> 1"
    )]
    [DataRow(
        "one: build -p:GateInputs=Code.cs -> 1 | one: build -p:GateInputs=Code.cs -> 0 | fail | edit | one: build -p:GateInputs=Code.cs -> 1 IA6001 | one: build -p:GateInputs=Code.cs -> 1 IA6001"
    )]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public Task Build_WhicheverWay_RunsTheAgentOnceOrSaysWhyNot(string steps) => AssertAsync(steps);

    [TestMethod]
    [DataRow("one: build -> 1 | one: pack --no-build -c Debug -> 0 | one: publish --no-build -c Debug -> 0")]
    [DataRow("one: build -c Release -> 1 | one: pack --no-build -> 0 | one: pack --no-build -c Debug -> 0 IA8003")]
    [DataRow(
        "one: build -c Release -p:IsolatedAgentsEnabled=false -> 0 IA8001 | one: pack --no-build -> 0 IA8003 | one: publish --no-build -> 0 IA8003 | one: pack --no-build -p:IsolatedAgentsEnabled=false -> 0 IA8001"
    )]
    // An item without inputs passes for what was built.
    [DataRow(
        "one: build -c Release -> 1 | edit | one: pack --no-build -> 0 | one: build -c Release -p:IsolatedAgentsEnabled=false -> 0 IA8001 | one: pack --no-build -> 0 IA8003 | one: pack -> 1"
    )]
    // One with inputs for them too.
    [DataRow(
        "one: build -c Release -p:GateInputs=Code.cs -> 1 | one: pack --no-build -p:GateInputs=Code.cs -> 0 | edit | one: pack --no-build -p:GateInputs=Code.cs -> 0 IA8003"
    )]
    [DataRow(
        "fail | one: build -p:GeneratePackageOnBuild=true -c Release -> 1 IA6001 | one: pack -p:GeneratePackageOnBuild=true -> 0 IA8003 | mend | one: build -p:GeneratePackageOnBuild=true -c Release -> 1 | one: pack -p:GeneratePackageOnBuild=true -> 0"
    )]
    [DataRow(
        "lib: build -c Release -> 1 | lib: pack --no-build -> 0 | lib: publish -f net10.0 --no-build -> 0 | fail | lib: build -c Release -> 1 IA6001 | lib: pack --no-build -> 0 IA8003 | lib: publish -f net10.0 --no-build -> 0 IA8003"
    )]
    [DataRow(
        "lib: build -c Release -f net10.0 -> 1 | lib: build -c Release -f netstandard2.1 -p:IsolatedAgentsEnabled=false -> 0 IA8001 | lib: pack --no-build -> 0 IA8003 | lib: publish -f net10.0 --no-build -> 0"
    )]
    [DataRow("lib: pack -graph -m:2 -> 1 | lib: pack --no-build -> 0")]
    // What a reference's agent rejected does not go along either.
    [DataRow(
        "app: build -c Release -> 1 | app: publish --no-build -> 0 | fail | lib: build -c Release -> 1 IA6001 | app: publish --no-build -> 0 IA8003 | app: publish -p:BuildProjectReferences=false -> 0 IA8003"
    )]
    [DataRow(
        "one: build -c Release -p:Items=target -p:IsolatedAgentsTargets=Step -> 1 | one: pack --no-build -p:Items=target -p:IsolatedAgentsTargets=Step -> 0 | fail | one: build -c Release -p:Items=target -p:IsolatedAgentsTargets=Step -> 1 IA6001 | one: pack --no-build -p:Items=target -p:IsolatedAgentsTargets=Step -> 0 IA8003"
    )]
    [DataRow(
        "fail | lib: build -c Release -p:Items=framework -> 1 IA6001 | lib: pack --no-build -p:Items=framework -> 0 IA8003 | mend | lib: build -c Release -p:Items=framework -> 1 | lib: pack --no-build -p:Items=framework -> 0"
    )]
    [DataRow(
        "fail | one: build -c Release -p:Items=made -> 1 IA6001 | one: pack --no-build -p:Items=made -> 0 IA8003 | mend | one: build -c Release -p:Items=made -> 1 | one: pack --no-build -p:Items=made -> 0"
    )]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public Task Package_WhateverWasBuilt_NeedsTheRecordOfAPassingRun(string steps) => AssertAsync(steps);

    // The rows where the engine is asked: a run, a skip that compares the image, a failing agent, and a record without an engine.
    [TestMethod]
    [TestCategory("Podman")]
    [DataRow("lib: build -m:2 -> 1 | lib: build -f net10.0 -> 1 | lib: build -graph -m:2 -> 1")]
    [DataRow("all.slnx: build -m:2 -> 1 | app: publish -> 1")]
    [DataRow(
        "one: build -p:GateInputs=Code.cs -> 1 | one: build -p:GateInputs=Code.cs -> 0 | fail | edit | one: build -p:GateInputs=Code.cs -> 1 IA6001 | one: build -p:GateInputs=Code.cs -> 1 IA6001"
    )]
    [DataRow(
        "one: build -c Release -> 1 | one: pack --no-build -> 0 | fail | one: build -c Release -> 1 IA6001 | one: pack --no-build -> 0 IA8003"
    )]
    [DataRow("one: build -p:IsolatedAgentsEnabled=false -> 0 IA8001 | one: build -p:Items=made -> 1")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Podman_RunsTheAgentOnceOrSaysWhyNot(string steps)
    {
        PodmanEngine.Require();
        await AssertAsync(steps, PodmanEngine.Name);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OuterBuild_ShowsTheAgentAllFrameworks()
    {
        using GateSolution solution = await GateSolution.CreateAsync();
        (await solution.RunAsync("lib: build -m:2", Token)).AssertPassed();

        Assert.AreEqual(
            "/workspace/bin/Debug/net10.0/lib.dll\n/workspace/bin/Debug/netstandard2.1/lib.dll\n",
            solution.Read("lib/obj/review/Debug/seen.txt")
        );
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_TwoAtOnce_BothPassAndTheLogHoldsOneRunAfterTheOther()
    {
        using GateSolution solution = await GateSolution.CreateAsync();
        (await solution.RunAsync("lib: build", Token)).AssertPassed();

        // Nothing is left to compile, since two compilers would be in each other's way.
        BuildOutcome[] builds = await Task.WhenAll(
            solution.RunAsync("lib: build -f net10.0", Token),
            solution.RunAsync("lib: build -f net10.0", Token)
        );

        foreach (BuildOutcome build in builds)
        {
            Assert.AreEqual(0, build.ExitCode, build.Text);
        }

        AssertRunsFollowOneAnother(solution, runs: 3);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_NodesAreReused_EachBuildRunsTheAgentOnce()
    {
        using GateSolution solution = await GateSolution.CreateAsync();
        using NodesOfOneTest nodes = solution.Nodes();
        for (int build = 1; build <= 3; build++)
        {
            (await solution.RunAsync("lib: build -m:2 -nr:true", Token)).AssertPassed();
            Assert.AreEqual(build, solution.RunsOf("lib"));
        }
    }

    internal static void AssertRunsFollowOneAnother(GateSolution solution, int runs)
    {
        string[] sessions = [.. solution.Entries("lib").Select(entry => entry.Session)];
        Assert.AreEqual(runs, solution.RunsOf("lib"));
        Assert.HasCount(runs, sessions.Distinct().ToArray());
        Assert.AreEqual(
            runs - 1,
            sessions.Zip(sessions.Skip(1)).Count(pair => pair.First != pair.Second),
            "Entries of two runs are mixed."
        );
        Assert.AreEqual(runs, solution.Entries("lib").Count(entry => entry.Name == "audit.sealed"));
    }

    private async Task AssertAsync(string steps, string engine = "auto")
    {
        using GateSolution solution = await GateSolution.CreateAsync(engine);
        foreach (string step in steps.Split(" | "))
        {
            switch (step)
            {
                case "edit":
                    foreach (string project in new[] { "lib", "one" })
                    {
                        solution.Write($"{project}/Code.cs", solution.Read($"{project}/Code.cs") + "public static class Edited { }\n");
                    }

                    break;
                case "fail":
                    solution.Write("lib/fail", "");
                    solution.Write("one/fail", "");
                    break;
                case "mend":
                    File.Delete(solution.PathOf("lib/fail"));
                    File.Delete(solution.PathOf("one/fail"));
                    break;
                default:
                    await AssertStepAsync(solution, step);
                    break;
            }
        }
    }

    private async Task AssertStepAsync(GateSolution solution, string step)
    {
        (string command, string[] expected) = step.Split(" -> ") is [{ } left, { } right]
            ? (left, right.Split(' '))
            : throw new ArgumentException(step);
        string project = command.StartsWith("one", StringComparison.Ordinal) ? "one" : "lib";
        int before = solution.RunsOf(project);
        BuildOutcome build = await solution.RunAsync(command, Token);

        string? code = expected.Length > 1 ? expected[1] : null;
        bool fails = code is not null and not ("IA8001" or "IA8002" or "IA8006");
        Assert.AreEqual(fails ? 1 : 0, build.ExitCode, $"{step}\n{build.Text}");
        Assert.AreEqual(int.Parse(expected[0], CultureInfo.InvariantCulture), solution.RunsOf(project) - before, $"{step}\n{build.Text}");
        Assert.DoesNotContain("warning", build.Text, step);
        string[] codes = [.. Codes(build.Text).Distinct()];
        Assert.AreEqual(code ?? "", string.Join(' ', codes), $"{step}\n{build.Text}");
    }

    private static IEnumerable<string> Codes(string text) =>
        System.Text.RegularExpressions.Regex.Matches(text, "IA[0-9]{4}").Select(match => match.Value);
}
