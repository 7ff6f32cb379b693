using System.Collections.Frozen;
using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;

namespace IsolatedAgents.Changes.Commits;

/// <summary>
/// A bare repository in a temporary folder, in which git looks at an agent's objects: with no configuration but its own, no hooks, no
/// helpers and no working tree. It borrows the workspace's objects, and writes nothing there.
/// </summary>
internal sealed class ScratchRepository : IDisposable
{
    private const int MaxObjectBytes = 64 * 1024 * 1024;
    private const long MaxPackBytes = 1L << 30;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("isolated-agents-commits-").FullName;
    private readonly FrozenDictionary<string, string> _environment;
    private readonly bool _isSha256;

    /// <exception cref="IOException">There is no git on this machine.</exception>
    public ScratchRepository(string gitFolder, bool isSha256, FrozenDictionary<string, string> environment)
    {
        _environment = environment;
        _isSha256 = isSha256;
        Require("init", "--quiet", "--bare", $"--object-format={(isSha256 ? "sha256" : "sha1")}", "--template=", _folder);
        Directory.CreateDirectory(Path.Combine(_folder, "objects", "info"));
        File.WriteAllText(Path.Combine(_folder, "objects", "info", "alternates"), Path.Combine(gitFolder, "objects") + "\n");
    }

    /// <summary>Takes an object of the agent's, which must be what its name says.</summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public void AddLoose(string name, string content)
    {
        using FileStream file = File.OpenRead(content);
        using ZLibStream unpacked = new(file, CompressionMode.Decompress);
#pragma warning disable CA5350 // The name that git gives an object.
        using IncrementalHash hash = IncrementalHash.CreateHash(_isSha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        byte[] buffer = new byte[64 * 1024];
        int total = 0;
        for (int count; (count = unpacked.Read(buffer)) > 0; )
        {
            total += count;
            hash.AppendData(buffer, 0, count);
            if (total > MaxObjectBytes)
            {
                throw new InvalidDataException("an object is too large");
            }
        }

        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != name)
        {
            throw new InvalidDataException($"the object {name} is not what its name says");
        }

        string folder = Path.Combine(_folder, "objects", name[..2]);
        Directory.CreateDirectory(folder);
        File.Copy(content, Path.Combine(folder, name[2..]), overwrite: true);
    }

    /// <summary>Takes a pack of the agent's, whose index git makes anew.</summary>
    /// <exception cref="IOException">git does not take it.</exception>
    public void AddPack(string content) =>
        Run(File.ReadAllBytes(content), null, ["index-pack", "--strict", "--stdin", "--fix-thin", $"--max-input-size={MaxPackBytes}"]);

    /// <summary>The output of git.</summary>
    /// <exception cref="IOException">It fails.</exception>
    public string Require(params string[] arguments) => System.Text.Encoding.UTF8.GetString(Run(null, null, arguments));

    /// <summary>The output of git, as bytes, for an input and with an index of its own.</summary>
    /// <exception cref="IOException">It fails.</exception>
    public byte[] Run(byte[]? input, string? index, string[] arguments)
    {
        ProcessStartInfo start = new(
            "git",
            [
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.symlinks=false",
                "-c",
                "protocol.allow=never",
                .. arguments,
            ]
        )
        {
            WorkingDirectory = _folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = _environment.GetValueOrDefault("PATH") ?? "/usr/bin:/bin";
        start.Environment["HOME"] = _folder;
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        start.Environment["GIT_DIR"] = _folder;
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        start.Environment["GIT_ATTR_NOSYSTEM"] = "1";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        start.Environment["GIT_NO_REPLACE_OBJECTS"] = "1";
        if (index is not null)
        {
            start.Environment["GIT_INDEX_FILE"] = Path.Combine(_folder, index);
        }

        return Run(start, input, arguments[0]);
    }

    /// <summary>An empty folder in it, whose name is its own.</summary>
    /// <returns>Its absolute path.</returns>
    public string CreateFolder(string name)
    {
        string folder = Path.Combine(_folder, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        return Directory.CreateDirectory(folder).FullName;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Run(ProcessStartInfo start, byte[]? input, string command)
    {
        Process git;
        try
        {
            git = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw new IOException($"git cannot be run on this machine: {failure.Message}", failure);
        }

        using (git)
        {
            Task<byte[]> output = ReadAsync(git.StandardOutput.BaseStream);
            Task<string> error = git.StandardError.ReadToEndAsync();
            Task writing = Task.Run(() =>
            {
                using Stream stream = git.StandardInput.BaseStream;
                stream.Write(input ?? []);
            });
            if (!git.WaitForExit(Patience))
            {
                git.Kill(entireProcessTree: true);
                throw new IOException($"git {command} did not end in time");
            }

            try
            {
                writing.GetAwaiter().GetResult();
            }
            catch (IOException)
            {
                // It has ended without reading all; its exit code says the rest.
            }

            return git.ExitCode == 0
                ? output.GetAwaiter().GetResult()
                : throw new IOException($"git {command}: {error.GetAwaiter().GetResult().Split('\n')[0]}");
        }
    }

    private static async Task<byte[]> ReadAsync(Stream stream)
    {
        using MemoryStream all = new();
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await stream.ReadAsync(buffer).ConfigureAwait(false)) > 0; )
        {
            if (all.Length + count > MaxPackBytes)
            {
                throw new IOException("git said too much");
            }

            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }
}
