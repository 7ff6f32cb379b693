using System.Formats.Tar;
using System.Text;
using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// The profile of system calls for Podman, which reads it from a file of its own machine when it makes a container. Where it sees none of
/// ours, the file is put into a volume of a container that never starts, and is gone with it.
/// </summary>
internal sealed class PodmanProfile : IAsyncDisposable
{
    private const string FileName = "seccomp.json";
    private const string VolumePath = "/profile";

    private readonly DockerClient _client;
    private readonly string? _holder;

    private PodmanProfile(DockerClient client, string? holder, string enginePath)
    {
        _client = client;
        _holder = holder;
        EnginePath = enginePath;
    }

    /// <summary>Path under which Podman reads the profile.</summary>
    public string EnginePath { get; }

    /// <summary>Puts it there. What the client throws where Podman refuses; nothing is left of it.</summary>
    /// <param name="client">Podman's.</param>
    /// <param name="spec">The sandbox that it is for.</param>
    /// <param name="cancellationToken">Ends the attempt, but for a container that is being made: nobody else would know its id.</param>
    public static async Task<PodmanProfile> PlaceAsync(DockerClient client, SandboxSpec spec, CancellationToken cancellationToken)
    {
        if (spec.ProfileFile is { } shared)
        {
            await File.WriteAllTextAsync(shared.HostPath, SystemCallProfile.Json, cancellationToken).ConfigureAwait(false);
            return new PodmanProfile(client, null, shared.EnginePath);
        }

        CreateContainerResponse holder = await client
            .Containers.CreateContainerAsync(CreateHolder(spec), CancellationToken.None)
            .ConfigureAwait(false);
        try
        {
            using MemoryStream archive = await CreateArchiveAsync(cancellationToken).ConfigureAwait(false);
            await client
                .Containers.ExtractArchiveToContainerAsync(
                    holder.ID,
                    new ContainerPathStatParameters { Path = VolumePath },
                    archive,
                    cancellationToken
                )
                .ConfigureAwait(false);
            ContainerInspectResponse made = await client
                .Containers.InspectContainerAsync(holder.ID, cancellationToken)
                .ConfigureAwait(false);
            string volume = made.Mounts.First(mount => mount.Destination == VolumePath).Source;
            return new PodmanProfile(client, holder.ID, $"{volume}/{FileName}");
        }
        catch
        {
            await DockerContainer.RemoveAsync(client, holder.ID).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Removes it: a container that is made has what was in it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_holder is not null)
        {
            await DockerContainer.RemoveAsync(_client, _holder).ConfigureAwait(false);
        }
    }

    private static CreateContainerParameters CreateHolder(SandboxSpec spec) =>
        new()
        {
            Image = spec.ImageId,
            Entrypoint = [SandboxPaths.Supervisor],
            User = "0:0",
            Labels = spec.Labels.ToDictionary(),
            NetworkDisabled = true,
            HostConfig = new HostConfig
            {
                NetworkMode = "none",
                ReadonlyRootfs = true,
                CapDrop = ["ALL"],
                Mounts =
                [
                    new Mount
                    {
                        Type = "volume",
                        Target = VolumePath,
                        VolumeOptions = new VolumeOptions { NoCopy = true },
                    },
                ],
            },
        };

    private static async Task<MemoryStream> CreateArchiveAsync(CancellationToken cancellationToken)
    {
        MemoryStream archive = new();
        TarWriter writer = new(archive, leaveOpen: true);
        await using (writer.ConfigureAwait(false))
        {
            using MemoryStream profile = new(Encoding.UTF8.GetBytes(SystemCallProfile.Json));
            await writer
                .WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, FileName) { DataStream = profile }, cancellationToken)
                .ConfigureAwait(false);
        }

        archive.Position = 0;
        return archive;
    }
}
