using System.CommandLine;
using System.CommandLine.Invocation;
using IsolatedAgents.Action.GitHub;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action;

/// <summary>The command line <c>isolated-agents</c>.</summary>
/// <param name="terminal">What the process has around it.</param>
/// <param name="prepareRun">Prepares the run of one agent.</param>
internal sealed class CommandLine(Terminal terminal, PrepareRun prepareRun)
{
    private const string Name = "isolated-agents";

    /// <summary>Words behind it belong to the agent and are never read as options of this program.</summary>
    private const string EndOfOptions = "--";

    // An agent's name may begin with '@', and its options are not ours to unpack.
    private static readonly ParserConfiguration Parser = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    /// <summary>Runs one command and gives the exit code of the process.</summary>
    public async Task<int> InvokeAsync(string[] args, CancellationToken cancellationToken)
    {
        try
        {
            int end = Array.IndexOf(args, EndOfOptions);
            ParseResult parsed = Tree(end < 0 ? [] : args[(end + 1)..]).Parse(end < 0 ? args : args[..end], Parser);
            if (parsed.Action is ParseErrorAction)
            {
                throw UsageErrors.Of(parsed);
            }

            InvocationConfiguration invocation = new()
            {
                Output = terminal.Output,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,

                // Signals are SignalCancellation's: the library would end the process before the sandbox is cleaned up.
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(invocation, cancellationToken);
        }
        catch (ConfigurationException e)
        {
            await terminal.Error.WriteLineAsync(e.Diagnostic.ToString());
            return Verdict.ConfigurationError.ExitCode();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Verdict.Cancelled.ExitCode();
        }
    }

    private RootCommand Tree(string[] agentArguments)
    {
        RootCommand root = new("Runs AI agents as build steps in a sandbox, under a policy.")
        {
            HelpName = Name,
            Subcommands =
            {
                RunCommand.Create(terminal, prepareRun, agentArguments),
                PolicyCommand.Create(terminal),
                AuditCommand.Create(terminal),
                AttestCommand.Create(terminal),
                CleanCommand.Create(terminal),
                DoctorCommand.Create(terminal),
                ActionCommand.Create(terminal, prepareRun),
            },
        };

        // A directive is a bare '[word]' in front; nobody should meet one by accident.
        root.Directives.Clear();
        return root;
    }
}
