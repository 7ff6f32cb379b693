using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Text;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Audit;

/// <summary>
/// Opens the file of an audit log for the one run that writes it, and waits for its turn where others do: the projects of a solution
/// may name one log, and MSBuild builds them at once.
/// </summary>
internal static partial class AuditLogFile
{
    // The header of the run that writes the log lies within so much of its end, unless that run has told a great deal.
    private const int TailBytes = 1024 * 1024;

    /// <param name="path">Absolute path.</param>
    /// <param name="patience">The longest wait for one run. Where another run has had its turn meanwhile, the wait begins anew.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="IOException">It cannot be opened, or a run holds it for longer than the wait. The message says which.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static FileStream Open(string path, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        }

        while (true)
        {
            SafeFileHandle file = FileLock.Open(path);
            try
            {
                if (!FileLock.TryTake(file))
                {
                    Wait(file, path, patience, cancellationToken);
                }

                // Whoever had it may have put another file in its place.
                if (FileIdentity.Inode(Invariant($"/proc/self/fd/{file.DangerousGetHandle()}")) == FileIdentity.Inode(path))
                {
                    return new FileStream(file, FileAccess.ReadWrite, bufferSize: 0);
                }

                file.Dispose();
            }
            catch
            {
                // A thread that still waits for the lock keeps the file open until it has had it.
                file.Dispose();
                throw;
            }
        }
    }

    private static void Wait(SafeFileHandle file, string path, TimeSpan patience, CancellationToken cancellationToken)
    {
        string? run = LastRun(path);
        if (patience > TimeSpan.Zero)
        {
            // The kernel's wait cannot be ended: where this one is given up, the thread lets go of the lock as soon as it has it.
            Task taken = Task.Factory.StartNew(
                () => FileLock.Take(file),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            );
            string? before;
            do
            {
                try
                {
                    taken.WaitAsync(patience, cancellationToken).GetAwaiter().GetResult();
                    return;
                }
                catch (TimeoutException)
                {
                    (before, run) = (run, LastRun(path));
                }
            } while (run != before);
        }

        string holder = FileLock.Holder(path) ?? "another process";
        throw new IOException(
            UntrustedText.Display(
                Invariant($"It is held by {holder}{(run is null ? "" : $" for {run}")}, ")
                    + Invariant($"and was not free within {patience.TotalSeconds:0} seconds.")
            )
        );
    }

    // The log may hold anything: of what is found, only characters that such names have are shown.
    private static string? LastRun(string path)
    {
        try
        {
            using FileStream log = new(FileLock.Open(path), FileAccess.Read, bufferSize: 0);
            log.Seek(-Math.Min(log.Length, TailBytes), SeekOrigin.End);
            byte[] tail = new byte[Math.Min(log.Length, TailBytes)];
            int length = log.ReadAtLeast(tail, tail.Length, throwOnEndOfStream: false);
            string text = Encoding.UTF8.GetString(tail, 0, length);
            return Header().Matches(text) is [.., { } last]
                ? $"the run {last.Groups["session"].Value} of agent '{last.Groups["agent"].Value}'"
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(
        """
            "event\.name":"audit\.opened","seq":0,"session\.id":"(?<session>[^"]{1,64})"[^\n]*?"isolated_agents\.agent\.name":"(?<agent>[^"]{1,200})"
            """
    )]
    private static partial Regex Header();
}
