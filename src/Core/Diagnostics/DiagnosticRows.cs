using System.Collections.Immutable;
using static IsolatedAgents.Diagnostics.DiagnosticTable;

namespace IsolatedAgents.Diagnostics;

/// <summary>The table of codes.</summary>
internal static class DiagnosticRows
{
    /// <summary>Every code, in order.</summary>
    public static ImmutableArray<DiagnosticRow> All { get; } =
    [
        new(Policy, "The policy is not valid")
        {
            Meaning = "The policy file or a policy parameter is wrong.",
            AsWarning = "An expected violation did not happen, or a variable to pass through is not set.",
            WhatToDo =
                "Correct the key at the place that the message names; `policy check` shows the effective policy. Remove "
                + "expectations that no longer hold.",
        },
        new(AgentNotFound, "The agent was not found")
        {
            Meaning =
                "The agent was not found, or it is not known how to start it: also where its first line ends as on Windows, or has "
                + "a byte order mark before it.",
            WhatToDo =
                "Name an existing file, or a folder with exactly one entry file; give other programs a first line such as "
                + "`#!/bin/sh`, or make them executable for everyone; save scripts with LF.",
        },
        new(Parameters, "A parameter is not valid")
        {
            Meaning =
                "A parameter is wrong or contradicts another: working directory, output or report directory, a sensitive value that "
                + "is too short.",
            WhatToDo = "Follow the message. An output directory must be new, empty, or filled by an earlier run.",
        },
        new(FolderOwned, "A folder belongs to another gate")
        {
            Meaning = "The folder for outputs or reports belongs to another item, project or configuration, which the message names.",
            WhatToDo =
                "Give each its own [folder](msbuild.md#folders-that-projects-share), or delete the folder if its owner no longer "
                + "uses it.",
        },
        new(NoEngine, "No container engine answers")
        {
            Meaning = "No container engine answers.",
            WhatToDo = "Start Docker or Podman, or point `DOCKER_HOST` at it. The message lists all that was tried.",
        },
        new(Image, "The image is not available")
        {
            Meaning = "The image cannot be had, or the agent's program is not in it.",
            WhatToDo = "Pull or build the image first; choose one that holds the interpreter.",
            Key = "base_image",
        },
        new(EngineLost, "The engine or the sandbox was lost")
        {
            Meaning =
                "The engine or the sandbox was lost during the run, outputs could not be stored, or changes not be put into a "
                + "workspace that is no longer what the agent was given.",
            AsWarning = "A container could not be removed.",
            WhatToDo =
                "Look at the engine's log and at the disk; run again. It is never taken for a pass. `isolated-agents clean` removes "
                + "leftovers.",
        },
        new(IsolationUnavailable, "A control cannot be set up")
        {
            Meaning = "A control is not in force. The agent was not started.",
            WhatToDo =
                "Change the policy as the message says, or mend the host: control groups, an engine on this machine, a complete "
                + "package.",
        },
        new(CanaryFailed, "The sandbox did not hold a probe")
        {
            Meaning =
                "A probe in the sandbox did what it must not, or was refused in another way than it must be. The agent was not started.",
            WhatToDo = "Do not use that engine for agents.",
        },
        new(FilesystemViolation, "Filesystem access denied")
        {
            Meaning = "The agent touched a file against the policy; it was refused, or its change held back.",
            AsWarning = "Changes to a writable workspace were held back, or the agent's commits not given.",
            WhatToDo = "Allow the path (`policy suggest`), expect it, or mend the agent. Look at `changes.held.patch`.",
        },
        new(NetworkViolation, "Network connection denied")
        {
            Meaning = "The agent tried to reach an endpoint, or to send something there, against the policy; it was refused.",
            WhatToDo = "Allow the endpoint (`policy explain`, `policy suggest`), expect it, or mend the agent.",
        },
        new(ProcessViolation, "System call denied")
        {
            Meaning = "The agent made a system call that is never allowed; it was refused.",
            WhatToDo = "Mend the agent, or expect it.",
        },
        new(OutputViolation, "Output rejected")
        {
            Meaning =
                "An entry of `/output`, or of a writable workspace, was rejected: a link in `/output` or over what is protected, a "
                + "special file, a name that cannot be kept.",
            WhatToDo = "Write plain files with plain names; or list it in `expected_violations`.",
        },
        new(DiagnosticTable.Timeout, "Time limit exceeded")
        {
            Meaning = "The time limit passed.",
            AsWarning = "90 % of it did.",
            WhatToDo = "Raise `timeout_seconds` or give the agent less to do.",
            Key = "timeout_seconds",
        },
        new(OutOfMemory, "Memory limit exceeded")
        {
            Meaning = "The memory limit was passed.",
            AsWarning = "It was near, or the kernel ended a child.",
            WhatToDo = "Raise `memory_mb`; remember that `/tmp` and `/output` may count.",
            Key = "memory_mb",
        },
        new(OutputLimit, "Output limit exceeded")
        {
            Meaning =
                "The outputs, or the changes to a writable workspace, are larger or more than allowed, and none was collected; or "
                + "the copy of the workspace grew beyond its own limit. It stands alone where the agent failed as well, since a full "
                + "folder is what makes agents fail.",
            AsWarning = "90 % of the limit.",
            WhatToDo = "Raise `max_output_bytes`, `max_output_files` or `max_workspace_bytes`.",
            Key = "max_output_bytes",
        },
        new(ProcessLimit, "Process limit reached")
        {
            Meaning = "The process limit was reached.",
            WhatToDo = "Raise `pids_limit` (threads count) or look for a fork loop.",
            Key = "pids_limit",
        },
        new(CpuHigh, "CPU use above the threshold")
        {
            Meaning = "CPU use is above the threshold.",
            IsOnly = "warning",
            WhatToDo = "Raise `cpu_cores` or `cpu_threshold_percent`.",
            Key = "cpu_cores",
        },
        new(TelemetrySuppressed, "Telemetry was cut by a limit")
        {
            Meaning = "Telemetry or agent output was cut by a limit, came late, or could not be written where it was to go.",
            IsOnly = "warning",
            WhatToDo = "Raise `max_log_bytes`, or let the agent write to a file; make room on the disk that the message names.",
            Key = "max_log_bytes",
        },
        new(ModelLimit, "Model token limit exceeded")
        {
            Meaning = "The agent used more tokens of language models than `limits.max_model_tokens`, and was ended.",
            WhatToDo = "Raise the limit, or give the agent less to do.",
            Key = "limits.max_model_tokens",
        },
        new(Dependency, "A dependency could not be installed")
        {
            Meaning = "A package could not be installed. Not raised in this version, which installs none.",
            WhatToDo = "Put packages into the image.",
        },
        new(AgentExitCode, "The agent ended with an error")
        {
            Meaning = "The agent ended with an exit code other than 0. The message has the last three lines that it wrote.",
            WhatToDo = "Read its output; leave `exit_code` out of `fail_on` where the code says nothing.",
        },
        new(AgentSignal, "The agent was ended by a signal")
        {
            Meaning = "The agent was ended by a signal.",
            WhatToDo =
                "`SIGSEGV` and `SIGABRT` are crashes of its own; `SIGKILL` is often memory; `SIGBUS` is often a full `/dev/shm` "
                + "(`shm_mb`).",
        },
        new(Cancelled, "The run was cancelled")
        {
            Meaning = "The run was cancelled.",
            WhatToDo = "Nothing: every process of the agent has ended; where one could not be, the message says so and IA2003 names it.",
        },
        new(GatesOff, "The gates are switched off")
        {
            Meaning = "The project's agents do not run, since `IsolatedAgentsEnabled` is `false`, or in an editor's build.",
            IsOnly = "message",
            WhatToDo = "Nothing, if that is meant.",
        },
        new(NoGates, "The project has no gate")
        {
            Meaning = "The project uses the package, and no agent runs with its build.",
            IsOnly = "message",
            WhatToDo =
                "Look at the glob or condition of the items. Remove the package, or set `IsolatedAgentsEnabled` to `false`, if that "
                + "is meant.",
        },
        new(NoRecord, "No record of a passing run")
        {
            Meaning = "The project is packaged, and there is no record that its agents passed for these inputs and these assemblies.",
            WhatToDo = "Build with the same configuration first; or pack without `--no-build`.",
        },
        new(ImageNotCompared, "The image was not compared")
        {
            Meaning = "An unchanged agent was skipped, and its image could not be compared with that of its last run.",
            IsOnly = "message",
            WhatToDo = "Nothing; start the engine to have it compared.",
        },
        new(PackageLeaks, "The package leaks to its users")
        {
            Meaning = "Users of your package would install this one too.",
            IsOnly = "warning",
            WhatToDo = "Give the `PackageReference` `PrivateAssets=\"all\"`.",
        },
        new(HookNotReached, "The hook was not reached")
        {
            Meaning = "A build has ended, and has not come to a target that its agents are to run after.",
            IsOnly = "message",
            WhatToDo = "Look at the names in `IsolatedAgentsAfterTargets`.",
        },
    ];

    /// <summary>The policy key that sets what a code is about; null where none does.</summary>
    public static string? KeyOf(string code) => All.FirstOrDefault(row => row.Code == code)?.Key;
}
