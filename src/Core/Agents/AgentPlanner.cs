using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Agents;

/// <summary>Turns what a user names (a file, a folder or a command) into what the sandbox starts.</summary>
internal static class AgentPlanner
{
    private static readonly FrozenDictionary<string, ImmutableArray<string>> Interpreters = new Dictionary<string, ImmutableArray<string>>
    {
        [".py"] = ["python3"],
        [".js"] = ["node"],
        [".mjs"] = ["node"],
        [".cjs"] = ["node"],
        [".sh"] = ["sh"],
        [".cs"] = ["dotnet", "run"],
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    // Python and Node take a byte order mark and the line ends of Windows.
    private static readonly FrozenSet<string> ReadsAnyText = FrozenSet.ToFrozenSet(
        [".py", ".js", ".mjs", ".cjs"],
        StringComparer.OrdinalIgnoreCase
    );

    // The first line of a C# file is for a shell, and starts the same program in another way.
    private static readonly FrozenSet<string> HasOwnStart = FrozenSet.ToFrozenSet([".cs"], StringComparer.OrdinalIgnoreCase);

    // In a folder, the first of these is the entry; which one was meant is never guessed among several.
    private static readonly ImmutableArray<string> EntryNames =
    [
        "agent.py",
        "main.py",
        "__main__.py",
        "agent.mjs",
        "agent.js",
        "index.mjs",
        "index.js",
        "agent.sh",
        "main.sh",
        "agent.cs",
        "agent",
    ];

    // Output should be seen when it is written, and a read-only folder takes no caches.
    private static readonly ImmutableArray<KeyValuePair<string, string>> PythonEnvironment =
    [
        new("PYTHONUNBUFFERED", "1"),
        new("PYTHONDONTWRITEBYTECODE", "1"),
    ];

    /// <exception cref="ConfigurationException">IA1002 or IA1003.</exception>
    public static AgentPlan Plan(AgentRunRequest request)
    {
        if (request.Agent is { Length: > 0 } agent)
        {
            return request.Command is null or ""
                ? PlanPath(Path.GetFullPath(agent, request.BaseDirectory), agent, request.Arguments)
                : throw new ConfigurationException(DiagnosticTable.Parameters, "Both an agent and a command are given. Give one of them.");
        }

        if (request.Command is not { Length: > 0 } command)
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                "Neither an agent nor a command is given. Name a file or folder as the agent, or give a command."
            );
        }

        return new AgentPlan(command, ShellCommand(command, request.Arguments), Mount: null, Size: 0, PythonEnvironment);
    }

    // A shell takes what follows the command as $0, $1 and so on.
    private static ImmutableArray<string> ShellCommand(string command, ImmutableArray<string> arguments) =>
        arguments.IsEmpty ? ["sh", "-c", command] : ["sh", "-c", command, "sh", .. arguments];

    private static AgentPlan PlanPath(string path, string asGiven, ImmutableArray<string> arguments)
    {
        if (Directory.Exists(path))
        {
            return PlanFolder(path, asGiven, arguments);
        }

        if (!File.Exists(path))
        {
            throw new ConfigurationException(
                DiagnosticTable.AgentNotFound,
                $"The agent '{asGiven}' was not found at '{path}'. Name an existing file or folder."
            );
        }

        string name = Path.GetFileName(path);
        string sandboxPath = $"{SandboxPaths.Agent}/{name}";
        return new AgentPlan(
            name,
            [.. CommandFor(path, sandboxPath, asGiven), .. arguments],
            new SandboxMount(path, sandboxPath, IsWritable: false),
            new FileInfo(path).Length,
            PythonEnvironment
        );
    }

    private static AgentPlan PlanFolder(string path, string asGiven, ImmutableArray<string> arguments)
    {
        string[] entries = [.. EntryNames.Where(name => File.Exists(Path.Combine(path, name)))];
        if (entries.Length != 1)
        {
            throw new ConfigurationException(
                DiagnosticTable.AgentNotFound,
                entries.Length == 0
                    ? $"The agent folder '{asGiven}' has no entry file. Expected one of {string.Join(", ", EntryNames)}; or name the file itself."
                    : $"The agent folder '{asGiven}' has more than one entry file: {string.Join(", ", entries)}. Name the file itself."
            );
        }

        return new AgentPlan(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(path)),
            [.. CommandFor(Path.Combine(path, entries[0]), $"{SandboxPaths.Agent}/{entries[0]}", asGiven), .. arguments],
            new SandboxMount(path, SandboxPaths.Agent, IsWritable: false),
            new DirectoryInfo(path)
                .EnumerateFiles(
                    "*",
                    new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }
                )
                .Sum(file => file.Length),
            PythonEnvironment
        );
    }

    private static ImmutableArray<string> CommandFor(string hostPath, string sandboxPath, string asGiven)
    {
        string extension = Path.GetExtension(hostPath);
        bool isKnown = Interpreters.TryGetValue(extension, out ImmutableArray<string> interpreter);
        if (!HasOwnStart.Contains(extension) && ReadShebang(hostPath, asGiven) is { } shebang)
        {
            return [.. Check(shebang, extension, sandboxPath).Command(sandboxPath)];
        }

        if (isKnown)
        {
            return [.. interpreter, sandboxPath];
        }

        if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(hostPath) & UnixFileMode.OtherExecute) != 0)
        {
            return [sandboxPath];
        }

        throw new ConfigurationException(
            DiagnosticTable.AgentNotFound,
            $"How to run the agent '{asGiven}' is not known: its extension is none of {string.Join(", ", Interpreters.Keys.Order(StringComparer.Ordinal))}, it has no first line such as '#!/bin/sh', and it is not executable for everyone. Give it such a line, make it executable ('chmod a+x'), or use a command."
        );
    }

    private static Shebang? ReadShebang(string hostPath, string asGiven)
    {
        try
        {
            return Shebang.Read(hostPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(
                DiagnosticTable.AgentNotFound,
                $"The agent '{asGiven}' cannot be read: {failure.Message} Make it readable for this user."
            );
        }
    }

    // The interpreter is started here and not by the kernel: those that read such files themselves can have them.
    private static Shebang Check(Shebang shebang, string extension, string sandboxPath)
    {
        if (ReadsAnyText.Contains(extension))
        {
            return shebang;
        }

        if (shebang.HasByteOrderMark)
        {
            throw new ConfigurationException(
                DiagnosticTable.AgentNotFound,
                $"{sandboxPath}: a byte order mark stands before the '#!' of its first line, which therefore names no interpreter. Save the file as UTF-8 without one."
            );
        }

        return shebang.HasCarriageReturn
            ? throw new ConfigurationException(
                DiagnosticTable.AgentNotFound,
                $"{sandboxPath}: its first line asks for '{UntrustedText.Display(shebang.Argument ?? shebang.Interpreter)}\\r', since its lines end as on Windows (CRLF). Save the file with LF alone, and keep it so by '*.sh text eol=lf' in .gitattributes."
            )
            : shebang;
    }
}
